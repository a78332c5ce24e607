"""Upstream: one request to one service, however many tries it takes.

`forward` is the attempt loop.  `service`, `balance`, `pool`, `retry`, `redirect` and `way` are the
choices it asks for and `outgoing` what it sends, all pure.  Connections themselves are the edge's,
behind the ports in `port`.
"""
