"""The serving process, the requests that it meets, and what the machine did meanwhile."""
