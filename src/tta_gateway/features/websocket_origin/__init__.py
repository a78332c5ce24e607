"""WebSocket origin: which pages may open a WebSocket (RFC 6455 10.2).

A browser sends a person's cookies along with the handshake, whichever page opens the socket, and
no rule of CORS holds it back.  So a page must be of the host that the client used, or of an origin
that the operator names: `origins` of the route, and `cors.origins` (but not its `*`, which is about
reading alone).  Others get `403 websocket_origin_refused`.  A client that names no origin is no
browser, and passes.  Nothing is stored.
"""
