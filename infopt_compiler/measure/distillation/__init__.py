"""What `distill` recorded on the way to the subject."""
