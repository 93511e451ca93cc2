"""The command line. `main` is the program `infopt-compile`; importing it imports no Hydra, torch or rich."""

from infopt_compiler.cli.main import main

__all__ = ["main"]
