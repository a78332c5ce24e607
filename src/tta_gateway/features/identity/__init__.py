"""Identity: who is asking (R4.1-R4.5, R7.2).

A worker proves a bearer token once and remembers it by its digest until it expires or is revoked;
what it proves by are keys that stand in the snapshot, so that neither control nor any store is
asked on the way of a request.
"""
