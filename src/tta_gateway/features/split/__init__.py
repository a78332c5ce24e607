"""Split: a route whose requests are shared out between services.

By weight, drawn for each request or, with `sticky`, by a key of it: a hash of the key says where in
the weights it stands, so that all workers and nodes say the same, and a change of the weights moves
only the share that changes.  `canary` leads requests with a header to a service of their own,
whatever the weights.  Nothing is stored.

A service that cannot be asked (its breaker is open, or none of its endpoints is good) and has no
fallback is passed over: its clients are shared out to the others by their weights, and come back
with it.  Who asked for a canary by its header hears that it is not there.
"""
