"""Features: one folder each, strangers to one another.  What they share is below them."""
