"""The targets package."""
