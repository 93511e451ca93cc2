"""`python -m infopt_compiler` is `infopt-compile`."""

from __future__ import annotations

import sys

from infopt_compiler.cli import main

if __name__ == "__main__":
    sys.exit(main())
