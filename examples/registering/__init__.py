"""A service that registers itself at the gateway."""
