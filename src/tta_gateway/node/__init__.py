"""The node's processes: a supervisor that starts and watches, and workers that serve."""
