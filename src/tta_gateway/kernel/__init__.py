"""Words: the types that every storey speaks, with no I/O and no clock."""
