"""The administration as the command line asks it: with the token of the state folder."""

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tta_gateway.node.near import connected
from tta_gateway.snapshot.model import Listener

KEPT_AS: Final = "admin.token"
_PATIENCE: Final = 10.0  # seconds
Told = dict[str, Any]


class _Unix(http.client.HTTPConnection):
    """A connection over a unix socket."""

    def __init__(self, path: Path) -> None:
        """Connect to it when something is asked."""
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock: socket.socket = connected(self._path, _PATIENCE)


def told(admin: Listener, state: Path, path: str) -> Told:
    """Return what a running gateway tells at a path; OSError says why it does not."""
    return asked(admin, state, "GET", path)


def asked(
    admin: Listener,
    state: Path,
    method: str,
    path: str,
    body: Mapping[str, object] | None = None,
    *,
    token: str = "",
) -> Told:
    """Have a running gateway do something, and return what it says; OSError says why it does not.

    A path may hold what people have written: it is made one that can be asked for.  `token` is a
    person's, for what the administration's own token is not enough for.
    """
    token = token or (state / KEPT_AS).read_text().strip()
    connection = (
        _Unix(Path(admin.unix))
        if admin.unix
        else http.client.HTTPConnection(admin.host, admin.port, timeout=_PATIENCE)
    )
    try:
        fields = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        connection.request(method, quote(path, safe="/?=&"), sent, fields)
        answer = connection.getresponse()
        said = json.loads(answer.read())
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"what answers is no administration of a gateway: {error}") from error
    finally:
        connection.close()
    if answer.status not in (200, 201):
        raise OSError(f"{answer.status} {said.get('detail', '')}".strip())
    found: Told = said
    return found
