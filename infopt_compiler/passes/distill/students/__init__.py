"""Students made from their teacher: which shape, which layers, heads and channels stay, and their weights."""
