"""The execute package."""
