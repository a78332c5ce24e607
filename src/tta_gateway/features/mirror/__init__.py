"""Mirror: a share of a route's requests is sent to a shadow service too, whose answer nobody gets.

Only GET, HEAD and OPTIONS without a body, never one that may change anything, and none that must
be seen by nobody else (`spares`).  The client never waits for it and hears nothing of it.  A copy
has `X-Mirrored: 1`, is tried once, and is no request in log and metrics; so many may be under way
in a worker, and further ones are left out and counted.
"""
