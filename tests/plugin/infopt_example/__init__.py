"""Plug-ins for infopt-compile; `pyproject.toml` registers them, nothing else mentions them."""
