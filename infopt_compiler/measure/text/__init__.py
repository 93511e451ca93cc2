"""Held-out text: perplexity, divergence from a reference, what a smaller model keeps."""
