"""Settings from text, for tests; and what the golden files of the settings should hold.

`python -m tests.helpers.configuration` writes those files anew: look at the difference before it is
committed.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Final

import msgspec

from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import Loaded, load, load_text
from tta_gateway.snapshot.model import Snapshot

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "settings"
PLAYERS: Final = 'services: {players: {endpoints: ["http://127.0.0.1:9001"]}}\n'
ROUTES: Final = "routes: [{path: /, service: players, auth: none}]\n"


def loaded(text: str, environ: Mapping[str, str] | None = None) -> Loaded:
    """Settings of a text with a service and a route, where it names none itself."""
    return load_text(completed(text), "gateway.yaml", environ=environ or {})


def complaints(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with such a text."""
    return refusals(completed(text), environ)


def completed(text: str) -> str:
    """The text with a service and a route, where it names none itself."""
    written = dedent(text)
    if written and not written.endswith("\n"):
        written += "\n"
    if "services:" not in written:
        written += PLAYERS
    if "routes:" not in written:
        written += ROUTES
    return written


def refusals(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with a text as it stands."""
    try:
        load_text(text, "gateway.yaml", environ=environ or {})
    except ConfigError as error:
        return error.complaints
    return []


def route(written: str) -> str:
    """A text whose only route is to a service, and as written besides."""
    return f"routes: [{{path: '/a/{{b}}', service: players, auth: none, {written}}}]\n"


def result(file: Path) -> tuple[str, str]:
    """What becomes of a golden file: the suffix of its result, and the result itself."""
    try:
        with contextlib.chdir(file.parent):
            found = load(Path(file.name), {})
            return ".json", readable(compile_snapshot(found.settings, version=1))
    except ConfigError as error:
        return ".txt", f"{error}\n"


def readable(snapshot: Snapshot) -> str:
    """A snapshot as JSON, each feature's part decoded."""
    rest = msgspec.to_builtins(msgspec.structs.replace(snapshot, features={}, routes=()))
    routes = [
        {
            **msgspec.to_builtins(msgspec.structs.replace(route, features={})),
            "features": _decoded(route.features),
        }
        for route in snapshot.routes
    ]
    whole = {**rest, "routes": routes, "features": _decoded(snapshot.features)}
    return json.dumps(whole, indent=1, ensure_ascii=False, default=_text) + "\n"


def _text(value: object) -> str:
    """Bytes as their digits."""
    assert isinstance(value, bytes)
    return value.hex()


def _decoded(features: Mapping[str, msgspec.Raw]) -> dict[str, object]:
    found = {name: msgspec.msgpack.decode(raw) for name, raw in features.items()}
    if "regions" in found.get("safety", {}):  # of help lines the names alone: editions come and go
        found["safety"]["regions"] = sorted(found["safety"]["regions"])
        found["safety"]["edition"] = "…"
    return found


def accept() -> None:
    """Write the result beside each golden file."""
    for file in sorted(GOLDEN.glob("*.yaml")):
        suffix, text = result(file)
        for old in (".txt", ".json"):
            file.with_suffix(old).unlink(missing_ok=True)
        file.with_suffix(suffix).write_text(text)


if __name__ == "__main__":
    accept()
