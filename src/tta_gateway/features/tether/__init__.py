"""Tethers: WebSockets to services that outlive the connections of either side.

A client opens its socket at the gateway, which keeps it, and the gateway opens another to the
service.  When the service's goes, the client's stays, is told, and the service is reached again at
this endpoint or another; what the client says meanwhile waits.  When the client's goes, the
service's stays for a while, and the client comes back by the token that it was told, or by the
session that it names, to what it has missed.  Clients hear events of the kind `connection`, and
1008 where they may not go on, 1013 where the service stays away, 1012 or 1001 where the gateway
goes.

A tether lives in its worker.  Who comes back to another worker of the node is passed on to that
one; for who comes back to another node it is handed over by the store, and a worker that leaves
puts down there what it has.  What was held by a worker that has died, or while the store is away
by one of another node, is lost to its client: it begins anew and hears `resumed: false`.
"""
