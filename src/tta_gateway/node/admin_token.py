"""The token of the administration: whoever can read it in the state folder may administrate.

Until people are known to the gateway it is the only way in.  It is made once, by chance, and stays;
to change it, remove the file and have control restarted.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from fastapi import Header, HTTPException

from tta_gateway.node.admin_client import KEPT_AS

_BYTES: Final = 32


def kept(state: Path) -> str:
    """Return the token of a state folder, made where there is none; OSError if it cannot be."""
    path = state / KEPT_AS
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        token = path.read_text().strip()
        if token:
            return token
        fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    token = secrets.token_urlsafe(_BYTES)
    with os.fdopen(fd, "w") as file:
        file.write(f"{token}\n")
    return token


def shows(token: str) -> Callable[[str], bool]:
    """Return what tells whether a field shows the token."""
    expected = f"Bearer {token}".encode()
    return lambda authorization: secrets.compare_digest(authorization.encode(), expected)


def known(token: str, *, unless: Callable[[], bool] = lambda: False) -> Callable[[str], None]:
    """Return what refuses whoever does not show the token, unless nobody need show it."""
    is_shown = shows(token)

    def check(authorization: Annotated[str, Header()] = "") -> None:
        if unless() or is_shown(authorization):
            return
        raise HTTPException(
            401,
            "Send `Authorization: Bearer` and the token that stands in admin.token, in the state "
            "folder of the gateway.",
            {"www-authenticate": 'Bearer realm="tta-gateway admin"'},
        )

    return check
