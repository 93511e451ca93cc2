"""The pass `distill`: a smaller student that keeps what its teacher does."""
