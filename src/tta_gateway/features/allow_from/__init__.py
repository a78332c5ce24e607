"""Allow from: routes that are open to some networks alone.

`allow_from` of a route lists networks, judged by the client's address as the trust rules tell it;
others get `403 client_not_allowed`.  A neighbour on a unix socket has no address, and is let in
only where `unix` is listed.  Nothing is stored.
"""
