"""Access log: one JSON line for every exchange, when it is over.

It names the path without the query (a token may stand there), never a header's value or a byte of a
body.  A file that cannot be written costs lines, which are counted, and never a request.
"""
