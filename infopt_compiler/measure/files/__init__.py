"""What the files of an artifact show without running them."""
