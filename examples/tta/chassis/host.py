"""The host name that a service knows itself by: its own address, whatever the client called it."""

from starlette.types import ASGIApp, Receive, Scope, Send


class OwnHost:
    """ASGI: put the service's own address in the place of the Host header.

    So a redirect from `/x` to `/x/` names the service itself, as the platform's do: a gateway has
    to rewrite it, or it tells the world where its services live.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Hide the Host header from `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under the service's own name."""
        if scope["type"] == "http":
            host, port = scope["server"]
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            own = (b"host", f"{host}:{port}".encode())
            scope = {**scope, "scheme": "http", "headers": [own, *others]}
        await self._app(scope, receive, send)
