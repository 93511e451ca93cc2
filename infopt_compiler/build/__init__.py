"""The driver of one build: its job, its plan, its lock, its history, what ships, and what the report is made from."""
