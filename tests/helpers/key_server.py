"""An issuer of tokens that publishes its keys over TLS, and changes them when a test says so."""

import contextlib
import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from joserfc import jwt
from joserfc.jwk import OKPKey

from tests.helpers.certificates import Folder

DESCRIBED: Final = "/.well-known/openid-configuration"
_ALGORITHM: Final = "Ed25519"


class KeyServer:
    """The issuer; `url` is its name, below which it describes itself."""

    def __init__(self, folder: Path) -> None:
        """Have a key, and listen."""
        made = Folder(folder)
        certificate = made.issue("localhost")
        self.ca = str(made.ca)
        self.asked: list[str] = []
        self.published: list[OKPKey] = [self.key("k1")]
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate["certificate"], certificate["key"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        self._server: Final = server
        self._thread = threading.Thread(target=server.serve_forever, daemon=True)
        self._thread.start()
        self._is_over = False
        self.url = f"https://localhost:{server.server_address[1]}"

    @staticmethod
    def key(name: str) -> OKPKey:
        """Return a new key."""
        return OKPKey.generate_key(_ALGORITHM, {"kid": name})

    def token(self, key: OKPKey, subject: str = "p1") -> str:
        """Return a token of this issuer, signed with this key."""
        header = {"alg": _ALGORITHM, "typ": "at+jwt", "kid": key.as_dict()["kid"]}
        now = int(time.time())
        claims = {"iss": self.url, "sub": subject, "iat": now, "exp": now + 600}
        return jwt.encode(header, claims, key, algorithms=[_ALGORITHM])

    def stop(self) -> None:
        """Be gone."""
        if not self._is_over:
            self._is_over = True
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _answer(self, path: str) -> object | None:
        if path == DESCRIBED:
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            return {"keys": [one.as_dict(private=False) for one in self.published]}
        return None

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                told = issuer._answer(self.path)
                body = json.dumps(told).encode()
                self.send_response(404 if told is None else 200)
                self.send_header("content-type", "application/json")
                self.send_header("cache-control", "max-age=86400")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextlib.contextmanager
def key_server(folder: Path) -> Iterator[KeyServer]:
    """An issuer, as long as this lasts."""
    made = KeyServer(folder)
    try:
        yield made
    finally:
        made.stop()
