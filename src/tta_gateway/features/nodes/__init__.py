"""Nodes: a revocation is answered once every node goes by it, or cannot harm by not knowing it.

Each node holds a lease of one second in the state store, renewed three times a second, as long as
it takes up within a fifth of a second what others tell.  What is told is a topic ("revocations",
"care") in which something has changed; what, stands in SQL.  A node that hears of it reads that,
has all its workers take it up, and acknowledges.  Whoever has revoked something is answered once
every node that holds a lease has done so, or its lease has ended and so has the time for which it
may go by an earlier word of SQL, which takes no longer than a lease; the answer says so then
(`X-Degraded`).

Control tells the workers until when they may go by what they know: as long as the lease lasts, or
for a second after a look at SQL.  When that time has passed (neither store is reached, or there is
no control) a worker refuses routes of clinical roles or content with `503 nodes_unheard`, ends what
is open on them a little later, and serves all others.  The times are of the machine's monotonic
clock, so that a wall clock may jump.

A node with an embedded Valkey is alone: nobody else can reach that store, and it hears of all that
it does itself.  It holds no lease and refuses nothing.  Nodes that share a database must therefore
share a `valkey_url`: without one they hear of each other by asking SQL twice a second, and what is
revoked at one is not waited for at the others.
"""
