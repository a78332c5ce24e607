"""Callers: services show who they are by a certificate (mutual TLS), where a route asks for that.

A service connects at an internal listener that names authorities (`tls: {client_ca}`), with an
X.509-SVID: its certificate says `spiffe://trust-domain/service`.  That is proved once for each
connection, and again for the next request when the configuration has changed.  What is not proved
gets a 403 that says why, and the connection ends: the next one may show a newer certificate.  No
store and no other process is asked.
"""
