"""What control needs of discovery: the registries, and what to look for in which."""

from typing import Literal

import msgspec

from tta_gateway.kernel.route import Route

Family = Literal["prefer_ipv4", "prefer_ipv6", "both"]


class RegistryOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a registry answers; `ca` is a file of authorities, empty for those of the machine."""

    host: str
    port: int
    unix: str = ""
    tls: bool = False
    ca: str = ""


class Dns(msgspec.Struct, frozen=True, kw_only=True):
    """The DNS: servers as host and port; none: those of this machine, and its hosts file."""

    servers: tuple[tuple[str, int], ...] = ()
    timeout: float = 2.0
    family: Family = "prefer_ipv4"


class Consul(msgspec.Struct, frozen=True, kw_only=True):
    """A Consul agent."""

    origin: RegistryOrigin
    token: str = ""
    datacenter: str = ""

    def __repr__(self) -> str:
        """Say which it is, and nothing of the token."""
        return f"<Consul at {self.origin.host}:{self.origin.port}>"


class Etcd(msgspec.Struct, frozen=True, kw_only=True):
    """An etcd cluster: members, asked in turn; services stand under `prefix`."""

    origins: tuple[RegistryOrigin, ...]
    prefix: str
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Say which it is, and nothing of the password."""
        return f"<etcd at {self.origins[0].host}:{self.origins[0].port}, {self.prefix}>"


class Kubernetes(msgspec.Struct, frozen=True, kw_only=True):
    """The API of a Kubernetes cluster; the token's file is read anew for every request."""

    origin: RegistryOrigin
    token_file: str = ""
    namespace: str = "default"


class Docker(msgspec.Struct, frozen=True, kw_only=True):
    """A Docker Engine, by its API."""

    origin: RegistryOrigin


class DnsName(msgspec.Struct, frozen=True, kw_only=True):
    """A name to resolve: to addresses with this port, or, with `srv`, to hosts with their ports."""

    name: str
    port: int = 0
    srv: bool = False


class ConsulService(msgspec.Struct, frozen=True, kw_only=True):
    """A service of Consul's catalogue, those instances of it that have all the tags."""

    service: str
    tags: tuple[str, ...] = ()


class KubernetesService(msgspec.Struct, frozen=True, kw_only=True):
    """A service of Kubernetes, and which of its ports, by name or number; empty: the first."""

    service: str
    namespace: str = ""
    port: str = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Where the endpoints of one service are looked for.

    `etcd` is its name under the prefix, `docker` the one that containers have as a label.

    `routes` are prefixes of paths that its instances may declare routes for; `auth_none` says that
    anybody may be let in there.
    """

    tls: bool = False
    dns: DnsName | None = None
    consul: ConsulService | None = None
    etcd: str = ""
    kubernetes: KubernetesService | None = None
    docker: str = ""
    routes: tuple[str, ...] = ()
    auth_none: bool = False

    def sources(self, name: str) -> set[str]:
        """Return what the registries are called that a service of this name is looked for in."""
        found = {
            "consul": self.consul,
            "docker": self.docker,
            "etcd": self.etcd,
            "kubernetes": self.kubernetes,
            f"dns/{name}": self.dns,
        }
        return {source for source, one in found.items() if one}


class DiscoveryBound(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; a change is told after `quiet` seconds without another, at most `latest`.

    `likes` are what routes are like that instances declare, but for their paths.
    """

    quiet: float = 0.2
    latest: float = 2.0
    resolve: bool = True
    dns: Dns = Dns()
    consul: Consul | None = None
    etcd: Etcd | None = None
    kubernetes: Kubernetes | None = None
    docker: Docker | None = None
    services: dict[str, Wanted] = {}
    likes: dict[str, Route] = {}
