"""The platform's chat: what its clients expect of a WebSocket, and its service does not say.

On routes with `socket: {profile: chat}` a client's `{"type":"ping"}` is answered with a pong by the
gateway itself, and never reaches the service.  What the service tells as an event (typing,
progress) also gets the members by which clients know one: `type` and `event_type`; all else of it
stays as it is, to the byte.  Whoever is refused (a limit, a rule) reads why, in the same form, and
goes on.  A socket that the gateway or the service refuses to open is opened and ended by a Close,
since no browser tells a page the status of an answer: 1008 is for who may not, 1013 for later.

Nothing is stored.  What is not of the platform's form passes as it is.
"""
