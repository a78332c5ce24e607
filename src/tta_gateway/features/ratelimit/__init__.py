"""Limits: how much somebody may ask, so that what there is is there for everybody (R5.1, R5.3).

A limit is a rate (so many requests in a time, and so many at once), a quota (so many in each window
of the clock), so many messages, or so much at the same time; it is kept for each key, such as a
user, a role, a tenant or an address.  Limits that look at nobody's name stand before identity,
all others behind access.

Clients see `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11) on every
answer that a limit touched, and beyond a limit a 429 that names it and says in Retry-After when to
come back: never too early, and not everybody at once.

Each worker decides by itself, without waiting, and starts from the full bucket.  What it has let
through it tells the other workers of its node, and the store for state, a few times a second: so
workers together let through at most (workers - 1) times the burst more than one would, and what is
spent in the meantime.  Whoever hears of what others have spent never counts it twice, so that
nobody is refused who keeps to the limit.

When the store is down each node goes on with what its workers know, and from its own full bucket:
limits are there to protect, and to refuse everybody would be worse than to let some through twice.
`exact` limits ask the store for each request, and say themselves what happens without it.
"""
