"""Metrics: what is counted about every exchange.

Requests by route, method and status; durations as a histogram; what is in flight; bytes; tries
beyond the first; errors of services by code.  Labels come from the configuration, never from the
client, so that their number is bounded.  Nothing is stored outside the process.
"""
