"""Sticky: requests of one player or session go to the endpoint that keeps its state in memory.

A service says what sticks: a parameter of the path, a header field, a cookie, or the client's
address.  The endpoint follows from the key by hashing (upstream/affinity.py), in every worker and
on every node, with nothing stored.  A cookie may be the gateway's own (`ttl`): then it names, as a
hash, the endpoint too.
"""
