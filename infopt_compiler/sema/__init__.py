"""The sema package."""
