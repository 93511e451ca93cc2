"""Requests to a serving process: latency, rates, memory and cost."""
