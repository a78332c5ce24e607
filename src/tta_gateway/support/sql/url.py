"""Where the database is: `postgresql://user:password@host:5432/name?sslmode=…`, or SQLite.

Beyond this machine nothing is said in the clear: without `sslmode` the server has to show a
certificate of its name (`verify-full`).
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

LEAST: Final = "verify-full"
_MODES: Final = ("disable", LEAST)
_SCHEMES: Final = ("postgresql", "postgres")
_KEYS: Final = ("sslmode", "ca")
_PORT: Final = 5432


class DatabaseUrl(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a database; `file` stands for SQLite."""

    host: str = ""
    port: int = _PORT
    user: str = ""
    password: str = ""
    name: str = ""
    encrypted: bool = True
    ca: str = ""
    """A file in PEM with the authorities of its certificate; empty: those of this machine."""
    authorities: bytes = b""
    """What stood in it, once that has been read."""
    file: str = ""

    @property
    def is_sqlite(self) -> bool:
        """Tell whether it is a file of this machine."""
        return bool(self.file)

    @property
    def shown(self) -> str:
        """Return it without its password."""
        if self.is_sqlite:
            return f"sqlite:{self.file}"
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.name}"

    def __repr__(self) -> str:
        """Say where it is, and nothing that is secret."""
        return f"<database {self.shown}>"


def in_folder(folder: Path) -> DatabaseUrl:
    """Return the database that is there where none is named."""
    return DatabaseUrl(file=str(folder / "gateway.sqlite3"))


def parse(text: object) -> DatabaseUrl:
    """Return where it is; ValueError in words that quote nothing of it, as it holds a password."""
    try:
        parts = urlsplit(text if isinstance(text, str) else "")
        port = parts.port or _PORT
    except ValueError:
        raise ValueError(
            "is not a URL: write `postgresql://user:password@host:5432/name`"
        ) from None
    if parts.scheme not in _SCHEMES:
        raise ValueError("must begin with `postgresql://`: left out, SQLite is used")
    name = unquote(parts.path.removeprefix("/"))
    if not parts.hostname or not parts.username or not name or "/" in name or parts.fragment:
        raise ValueError("must name all of these: `postgresql://user:password@host:5432/name`")
    options = _options(parts)
    return DatabaseUrl(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        name=name,
        encrypted=_is_encrypted(options.get("sslmode"), parts.hostname),
        ca=options.get("ca", ""),
    )


def _options(parts: SplitResult) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    unknown = [name for name, _ in pairs if name not in _KEYS]
    if unknown:
        raise ValueError(f"takes `{'` and `'.join(_KEYS)}` behind the `?`, and nothing else")
    if len(dict(pairs)) != len(pairs):
        raise ValueError("says something twice behind the `?`")
    return dict(pairs)


def _is_encrypted(mode: str | None, host: str) -> bool:
    near = _is_near(host)
    if mode is None:
        return not near
    if mode not in _MODES:
        raise ValueError(f"takes `sslmode={LEAST}`, and `disable` on this machine alone")
    if mode == "disable" and not near:
        raise ValueError("must not go over the network in the clear: take `sslmode` out")
    return mode == LEAST


def _is_near(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
