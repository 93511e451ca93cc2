"""transformers in fp32: folders that were not exported."""
