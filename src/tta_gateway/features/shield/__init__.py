"""Shield: who attacks the gateway is slowed, challenged, and kept out for a while.

Each worker keeps a score for each address (an IPv6 client counts by its /64) and, more leniently,
for each network around it (/24 of IPv4, /48 of IPv6): new connections, requests of nobody, requests
that are not HTTP, logins and tokens that are refused, paths that nobody serves, clients so slow
that they are cut off.  Scores halve every half minute.  Who has much of one waits before each
answer, then is told 429 `shield_challenged`, then 429 `shield_blocked` for a while that doubles
each time; its connections are cut as they are accepted.  Every block ends by itself.

Nobody who is known is kept out: a request with a token that has been proved passes a block at a
floor rate, and is told 429 `shield_slowed` beyond it.  Nothing that a proved person asks counts
against their address, so that a clinic behind one address does not block itself.

Workers tell control, which adds up what they saw, tells all of them who is blocked, and shares that
with other nodes by way of the state store.  Without the store a node goes by its own blocks;
without control a worker goes by its own.  What administrators block stands in the database.
"""
