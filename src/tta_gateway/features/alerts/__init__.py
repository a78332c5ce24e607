"""Alerts: what happens to services reaches people.

Control hears every event on the bus: an endpoint is ejected, a service unhealthy, a breaker open, a
registry or the keys of an issuer out of reach, a certificate about to end, TLS to a service broken.
Each begins an alert or ends one; there is one for each thing, however many workers see it.  Alerts
go to the sinks of the configuration: Alertmanagers, webhooks and mail.  Without a sink they are
still logged, counted and listed at `/admin/v1/alerts`.

What the client sees: nothing.  When a sink is down its notices wait in a queue with a bound, and
are tried again and again; nothing else waits for it.  What fires, and what is still owed to a sink,
stands in a live section, so that the next control goes on where this one stopped.  No alert holds
anything of a person: only names of services, endpoints, routes and files, and causes in our words.
"""
