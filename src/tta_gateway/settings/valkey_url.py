"""URLs of stores: where a Valkey or Redis is, and how it lets us in.

    redis://user:password@host:6379/0          one server; also valkey://
    rediss://host:6380?ca=/etc/ssl/redis.pem   with TLS; also valkeys://
    unix:///run/valkey/valkey.sock             one server on this machine
    redis+sentinel://one,two,three/tta/0       Sentinels, and what they call the master
    rediss+cluster://one,two                   some nodes of a cluster

A URL may hold a password: what is shown of it has `***` in its place, and no complaint quotes it.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

from tta_gateway.settings.address import Address as Host
from tta_gateway.settings.address import host as host_of
from tta_gateway.settings.secret import HIDDEN
from tta_gateway.support.valkey.topology import Address, Kind, Login, Store

FORMS: Final = (
    "`redis://host:6379`, `rediss://user:password@host:6379/0`, `unix:///run/valkey.sock`, "
    "`redis+sentinel://host,host/name` or `redis+cluster://host,host`"
)
_URL: Final = re.compile(r"(unix|(?:redis|valkey)s?(?:\+(?:sentinel|cluster))?)://(.*)", re.DOTALL)
_REST: Final = re.compile(
    r"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?(?P<hosts>[^@/?#]*)"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?",
)
_HOST: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?")
_LONGEST_UNIX: Final = 4096
_PORTS: Final[dict[Kind, int]] = {"single": 6379, "cluster": 6379, "sentinel": 26379}


@dataclass(frozen=True, slots=True)
class ValkeyUrl:
    """A store, and the URL that named it without its password."""

    shown: str
    store: Store

    def __str__(self) -> str:
        """Return the URL without its password."""
        return self.shown


def valkey_url(value: object) -> ValkeyUrl:
    """Return the store that a URL names; ValueError if it is none."""
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    rest = match and _REST.fullmatch(match[2])
    if match is None or rest is None:
        raise ValueError(f"must be the URL of a Valkey or Redis: {FORMS}")
    scheme = match[1]
    part = {name: text or "" for name, text in rest.groupdict().items()}
    login = _login(scheme, part)
    if scheme == "unix":
        store = _on_this_machine(part, login)
    else:
        kind: Kind = "single"
        if scheme.endswith("+sentinel"):
            kind = "sentinel"
        elif scheme.endswith("+cluster"):
            kind = "cluster"
        store = _reached(part, login, kind)
    return ValkeyUrl(_shown(scheme, part, store), store)


def _login(scheme: str, part: dict[str, str]) -> Login:
    """Return how to be let in, the database aside."""
    password = unquote(part["password"])
    if password == HIDDEN:
        raise ValueError(
            f"`{HIDDEN}` stands where `config show` hides the password: write the real one, or "
            "`{file: …}` with the path of a file that holds the whole URL"
        )
    if part["user"] and not password:
        raise ValueError("names a user and no password: write `user:password@`")
    tls = scheme.partition("+")[0] in ("rediss", "valkeys")
    options = dict(parse_qsl(part["query"], keep_blank_values=True))
    unknown = sorted(options.keys() - {"ca"})
    if unknown or (options and not tls):
        raise ValueError("knows one option behind `?`, and with TLS alone: `?ca=/path/to/ca.pem`")
    return Login(user=unquote(part["user"]), password=password, tls=tls, ca=options.get("ca", ""))


def _on_this_machine(part: dict[str, str], login: Login) -> Store:
    path = unquote(part["path"])
    if part["hosts"] or not path or not path.isprintable() or len(path) > _LONGEST_UNIX:
        raise ValueError("`unix://` needs the whole path of a socket: `unix:///run/valkey.sock`")
    return Store(addresses=(Address(unix=path),), login=login)


def _reached(part: dict[str, str], login: Login, kind: Kind) -> Store:
    names = part["hosts"].split(",")
    if kind == "single" and len(names) > 1:
        raise ValueError(
            "names several hosts: for Sentinels write `redis+sentinel://`, for a cluster "
            "`redis+cluster://`"
        )
    addresses = tuple(_address(name, _PORTS[kind]) for name in names)
    steps = [unquote(step) for step in part["path"].split("/")[1:] if step]
    master = ""
    if kind == "sentinel":
        if not steps:
            raise ValueError(
                "lacks what the Sentinels call the master: `redis+sentinel://host/name`"
            )
        master, *steps = steps
    database = _database(steps)
    if kind == "cluster" and database:
        raise ValueError("names a database, and a cluster has none but 0: take it out")
    login = Login(
        user=login.user, password=login.password, database=database, tls=login.tls, ca=login.ca
    )
    return Store(kind=kind, addresses=addresses, master=master, login=login)


def _address(text: str, port: int) -> Address:
    match = _HOST.fullmatch(text)
    if match is None or not match[1]:
        raise ValueError(f"must name a host: {FORMS}")
    number = int(match[2] or port)
    if not 1 <= number <= 65535:
        raise ValueError(f"`{number}` is not a port: write a number from 1 to 65535")
    return Address(host_of(match[1]), number)


def _database(steps: list[str]) -> int:
    if not steps:
        return 0
    if len(steps) > 1 or not re.fullmatch("[0-9]{1,5}", steps[0]):
        raise ValueError("has a path that is no database: write a number, or nothing")
    return int(steps[0])


def _shown(scheme: str, part: dict[str, str], store: Store) -> str:
    """Return the URL as it is shown."""
    login = store.login
    who = f"{quote(login.user)}:{HIDDEN}@" if login.password else ""
    if scheme == "unix":
        return f"unix://{who}{quote(store.addresses[0].unix)}"
    hosts = ",".join(str(Host(one.host, one.port)) for one in store.addresses)
    query = f"?ca={quote(login.ca)}" if login.ca else ""
    return f"{scheme}://{who}{hosts}{part['path']}{query}"
