"""The ranks of a sharded model, run by its own program."""
