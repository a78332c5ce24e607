"""The edge: sockets.  Raw asyncio protocols for clients and upstreams, and what they share."""
