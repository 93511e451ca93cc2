"""The syntax package."""
