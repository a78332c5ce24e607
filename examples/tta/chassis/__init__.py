"""What every service of the platform has: guard, headers, errors, tokens, a database, /health."""
