"""Tools: what the house uses of the outside world, each around a library or a system call."""
