"""Examples: what runs behind the gateway, and what talks to it."""
