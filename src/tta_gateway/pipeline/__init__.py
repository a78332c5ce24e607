"""The pipeline: the order of policies bound to a route, checked at start, and run."""
