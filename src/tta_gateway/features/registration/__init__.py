"""Registration: services say themselves where they are, for as long as they say so (R1.4, R6.1).

A service puts an instance to the gateway on an internal listener and renews it: it has a lease, and
is gone when that has run out.  It may declare routes that appear and vanish with it.  Who may say
what stands in the configuration, by token.  Leases are shared by all nodes, in the store for state.

While that store is away what was known stays in force, and nobody's lease runs out: a service that
cannot renew is not at fault.  Nothing new can be registered meanwhile (503): clients try again.
"""
