"""Who serves what: the structs that settings compile into, and that control fills in.

A `Store` is what the operator has named.  Where that is one server, it says all; where it is the
Sentinels of a server or some nodes of a cluster, control finds out who serves at the moment and
gives workers a `Topology`, and a newer one whenever it changes.
"""

from typing import Literal

import msgspec

from tta_gateway.support.valkey.slot import COUNT

Kind = Literal["single", "sentinel", "cluster"]


class Address(msgspec.Struct, frozen=True):
    """A host and its port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    unix: str = ""

    def __str__(self) -> str:
        """Return the address as operators write it."""
        if self.unix:
            return f"unix:{self.unix}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Range(msgspec.Struct, frozen=True):
    """Slots, from the first to the last, and who has them."""

    first: int
    last: int
    address: Address


class Topology(msgspec.Struct, frozen=True):
    """Who takes commands: one address with all slots, or several."""

    ranges: tuple[Range, ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Return each address once."""
        return tuple(dict.fromkeys(one.address for one in self.ranges))


def single(address: Address) -> Topology:
    """Return the topology of one server, or of the one that Sentinel calls master."""
    return Topology((Range(0, COUNT - 1, address),))


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """How to be let in; it holds a password: never put into a log.

    `authorities` are those who vouch for a server that speaks TLS, in PEM; `ca` is the path of the
    file that they were read from, empty where they are the machine's own.
    """

    user: str = ""
    password: str = ""
    database: int = 0
    tls: bool = False
    ca: str = ""
    authorities: bytes = b""

    def __repr__(self) -> str:
        """Say nothing that is secret."""
        return f"<login of {self.user or 'the default user'}>"


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator has named: a server, Sentinels with the name of a master, or a cluster."""

    kind: Kind = "single"
    addresses: tuple[Address, ...]
    master: str = ""  # what the Sentinels call it
    login: Login = Login()
    embedded: bool = False  # the supervisor starts it

    @property
    def topology(self) -> Topology | None:
        """Return who serves, where that is known without asking anybody."""
        return single(self.addresses[0]) if self.kind == "single" else None

    @property
    def named(self) -> str:
        """Return what tells who is asked from others; how they let us in is no part of it."""
        return f"{self.kind} {self.master} {','.join(map(str, self.addresses))}"


class Served(msgspec.Struct, frozen=True):
    """Who serves for a store, `of` what was named: for another store it says nothing."""

    of: str
    topology: Topology
