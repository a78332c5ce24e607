"""Where the database is: `postgresql://user:password@host:5432/name?sslmode=…`, or SQLite.

Without `sslmode` the server has to show a certificate of its name, beyond this machine
(`verify-full`).  What is not verified is refused there unless the operator has a reason:
settings/overheard.py.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

LEAST: Final = "verify-full"
_MODES: Final = ("disable", "require", LEAST)
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
    verified: bool = True
    """Whether, where it is encrypted, the server has to show who it is."""
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
    def is_open(self) -> bool:
        """Tell whether somebody on the way could read along, or stand in for the server."""
        proved = self.is_sqlite or (self.encrypted and self.verified)
        return not proved and not _is_near(self.host)

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
    mode = _mode(options, parts.hostname)
    return DatabaseUrl(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        name=name,
        encrypted=mode != "disable",
        verified=mode != "require",
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


def _mode(options: dict[str, str], host: str) -> str:
    """Return how the way there is kept."""
    mode = options.get("sslmode", "disable" if _is_near(host) else LEAST)
    if mode not in _MODES:
        raise ValueError(
            f"takes `sslmode={LEAST}`; `disable` and `require` too, but beyond this machine only "
            "with a reason in `plaintext: {database_url: …}`"
        )
    if mode == "require" and "ca" in options:
        raise ValueError("verifies nobody with `sslmode=require`: take that out, or `ca`")
    return mode


def _is_near(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
