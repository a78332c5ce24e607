"""A service at any address of loopback that answers with its name, and counts what it is asked."""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

HOST: Final = "127.0.0.1"


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


class NamedService:
    """One instance."""

    def __init__(
        self, name: str, host: str, port: int, *, tls: ssl.SSLContext | None = None
    ) -> None:
        """Listen; port 0 is any that is free."""
        self.name = name
        self.hosts: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.hosts.append(self.headers["Host"])
                body = name.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server((host, port), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host, self.port = host, self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def asked(self) -> int:
        """How often it has been asked."""
        return len(self.hosts)

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def named_service(
    name: str, *, host: str = HOST, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[NamedService]:
    """Have one for a while."""
    service = NamedService(name, host, port, tls=tls)
    try:
        yield service
    finally:
        service.stop()
