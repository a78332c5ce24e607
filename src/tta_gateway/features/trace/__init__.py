"""Trace: every exchange has an id, and its place in a trace.

A client's `X-Request-ID` is kept where it is well-formed, else one is made (UUIDv7); it goes to
the service, back to the client and into every log line and error.  `traceparent` (W3C Trace
Context) is believed of trusted proxies only; others begin a new trace.  Nothing is stored, so
nothing can be down.
"""
