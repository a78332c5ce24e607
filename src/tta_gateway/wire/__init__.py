"""Wire: bytes to events and back, without a socket.

`http1_server` reads requests and writes answers, `http1_client` the other way round.  llhttp
(through httptools) reads heads; everything that it lets through and RFC 9110, RFC 9112 or the
corpus of hostile messages forbids is refused here (grammar in `field` and `target`), and bodies
are framed here too (`body`), because llhttp tells neither how long a chunk's extensions are nor
where in the data a message ended.  Events carry a stream id, and a stream can be reset, so that
HTTP/2 can follow.
"""
