"""The snapshot: everything that a worker decides from, compiled, immutable, sent as bytes."""
