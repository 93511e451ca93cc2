"""Training that counts steps and tokens, resumes exactly, and knows nothing of what it trains (`Task`)."""
