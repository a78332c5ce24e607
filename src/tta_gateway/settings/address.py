"""Addresses: where the gateway listens, and where services do."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

# RFC 1123 2.1, and `_`, which container networks use.
_LABEL: Final = r"(?!-)[A-Za-z0-9_\-]{1,63}(?<!-)"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_DIGITS: Final = re.compile(r"[0-9.]+")
_HOST_AND_PORT: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?")
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)(.*)", re.DOTALL)
_LONGEST_UNIX: Final = 107  # bytes: sun_path holds 108, the last of them NUL (unix(7))
LARGEST_PORT: Final = 65535
HTTP: Final = 80
HTTPS: Final = 443

LISTENING: Final = "`127.0.0.1:8080`, `[::1]:8080` or `unix:/run/gateway.sock`"
ENDPOINT: Final = "`http://127.0.0.1:9001`, `https://[::1]:9001` or `unix:/run/service.sock`"


@dataclass(frozen=True, slots=True)
class Address:
    """A host and its port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    unix: str = ""
    is_encrypted: bool = False

    def __str__(self) -> str:
        """Return the address as operators write it."""
        if self.unix:
            return f"unix:{self.unix}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the address as the URL of an endpoint."""
        scheme = "https" if self.is_encrypted else "http"
        return str(self) if self.unix else f"{scheme}://{self}"


def listening(value: object) -> Address:
    """Return an address to listen at; ValueError if the value is none."""
    if isinstance(value, str) and value.startswith("unix:"):
        return Address(unix=_unix(value))
    match = _HOST_AND_PORT.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] is None:
        raise ValueError(f"must be an address with a port: {LISTENING}")
    if match[1] in ("", "*"):
        raise ValueError(f"names no host: for every address write `0.0.0.0:{match[2]}`")
    return Address(host(match[1]), _port(match[2], least=0))


def endpoint(value: object) -> Address:
    """Return the address of an endpoint; ValueError if the value is none."""
    if isinstance(value, str) and value.startswith("unix:"):
        return Address(unix=_unix(value))
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"must be the URL of an endpoint: {ENDPOINT}")
    scheme = match[1].lower()
    if scheme not in ("http", "https"):
        raise ValueError(f"`{scheme}://` is not spoken here: write {ENDPOINT}")
    if match[3] not in ("", "/"):
        raise ValueError(f"an endpoint has no path: take `{match[3]}` out, and see `rewrite`")
    return _authority(match[2], is_encrypted=scheme == "https")


def _authority(text: str, *, is_encrypted: bool) -> Address:
    if "@" in text:
        raise ValueError("an endpoint holds no user or password: take it out, up to the `@`")
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a host and a port: write {ENDPOINT}")
    usual = HTTPS if is_encrypted else HTTP
    port = _port(match[2] or str(usual), least=1)
    return Address(host(match[1]), port, is_encrypted=is_encrypted)


def host(text: str) -> str:
    """Return a name or address in lower case, IPv6 without its brackets; ValueError if none."""
    if text.startswith("["):
        return str(_ip(text[1:-1], 6))
    if _DIGITS.fullmatch(text):
        return str(_ip(text, 4))
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"`{text}` is not a host: write a name, an address such as `127.0.0.1`, or one such "
            "as `[::1]`"
        )
    return text.lower()


def is_here(host: str) -> bool:
    """Tell whether a host is this machine: an address of its loopback, or `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ip(text: str, version: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        found = None
    if found is None or found.version != version:
        raise ValueError(f"`{text}` is not an IPv{version} address")
    return found


def _port(text: str, *, least: int) -> int:
    port = int(text)
    if not least <= port <= LARGEST_PORT:
        raise ValueError(f"`{text}` is not a port: write a number from {least} to {LARGEST_PORT}")
    return port


def _unix(text: str) -> str:
    path = text.removeprefix("unix:")
    if not path or not path.isprintable() or len(path.encode()) > _LONGEST_UNIX:
        raise ValueError(
            f"`unix:` needs the path of a socket, of at most {_LONGEST_UNIX} bytes and without "
            "control characters"
        )
    return path
