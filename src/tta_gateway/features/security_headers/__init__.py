"""Security headers: what every answer says to browsers, and what none gives away.

Fields are added where the service did not set its own; `Server` and `X-Powered-By` are taken away.
Nothing is stored.
"""
