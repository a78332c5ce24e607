"""Problem: every error of the gateway's own as RFC 9457 has it.

The client sees `application/problem+json` with `type`, `title`, `status`, `detail`, `code` and
`correlation_id` (the X-Request-ID), and with `profile: tta` a string `message` too; `Retry-After`
with 429 and 503, `Proxy-Status` (RFC 9209) where a service is to blame.  Nothing is stored.
"""
