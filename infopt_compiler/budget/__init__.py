"""The budget package."""
