"""infopt-compile: compile a declarative recipe into an optimized model that provably meets its budget."""

__version__ = "0.1.0"
