"""Channels in a configuration: their rules, for whoever checks routes."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value

Tree: TypeAlias = Mapping[str, Value]
OPERATIONS: Final = ("subscribe", "publish", "presence", "history")


def rules(tree: Tree) -> Iterator[tuple[Path, Tree]]:
    """Yield each rule of a channel as if it were a route, with where it stands."""
    realtime = _mapping(tree.get("realtime"))
    if "rate_limit" in realtime:
        yield ("realtime",), {"rate_limit": realtime["rate_limit"], "path": "/"}
    inbox = _mapping(realtime.get("inbox"))
    if "rate_limit" in inbox:
        yield ("realtime", "inbox"), {"rate_limit": inbox["rate_limit"], "path": "/"}
    for name, procedure in _mapping(realtime.get("procedures")).items():
        if isinstance(procedure, dict):
            yield ("realtime", "procedures", name), {**procedure, "path": "/call"}
    for name, channel in _mapping(realtime.get("channels")).items():
        written = _mapping(channel)
        beside = {"path": "/" + name.replace(":", "/"), "service": written.get("service")}
        for operation in OPERATIONS:
            if isinstance(written.get(operation), dict):
                where: Path = ("realtime", "channels", name, operation)
                yield where, {**_mapping(written[operation]), **beside}


def _mapping(value: Value) -> Tree:
    return value if isinstance(value, dict) else {}
