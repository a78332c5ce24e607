"""The reference: pages about settings, errors, metrics and the order, written from the code."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator

from tta_gateway import features
from tta_gateway.edge.sweeper import LAG
from tta_gateway.kernel.problem import SPINE, Problem
from tta_gateway.node.routers import endpoints, internal_endpoints, public_endpoints
from tta_gateway.node.valkeys import CONNECTED
from tta_gateway.order import ORDER
from tta_gateway.settings.public import OFF, PUBLIC
from tta_gateway.settings.reference import rows
from tta_gateway.support import bus
from tta_gateway.support.collector import PAUSE
from tta_gateway.support.journal import metrics as journal
from tta_gateway.support.log import DROPPED
from tta_gateway.support.metrics import Metric
from tta_gateway.support.usage import CPU, MEMORY
from tta_gateway.upstream.timing import DURATION

_NOTE = "*Written by `tta-gateway docs` from the code; do not edit.*"


def pages() -> dict[str, str]:
    """Return every page of the reference by its file name."""
    return {
        "settings.md": _page("Settings", _settings()),
        "errors.md": _page("Errors", _errors()),
        "metrics.md": _page("Metrics", _metrics()),
        "order.md": _page("The order of policies", _order()),
        "admin.md": _page("The administration", _admin()),
        "public.md": _page("The gateway's own endpoints", _public()),
        "internal.md": _page("Endpoints for services", _internal()),
    }


def _page(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", _NOTE, "", *lines, ""])


def _settings() -> Iterator[str]:
    yield "Every key of `gateway.yaml`; `[]` stands for each item of a list, `<name>` for any name."
    yield ""
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for path, kind, default, sentence in rows():
        yield f"| `{path}` | {_cell(kind)} | {_cell(default)} | {_cell(sentence)} |"


def _errors() -> Iterator[str]:
    yield "Every error that the gateway itself answers (`application/problem+json`, RFC 9457)."
    yield "`code` is stable for ever; what a client can do stands in `detail`."
    yield ""
    yield "| code | status | title | what to do | Proxy-Status error | closes |"
    yield "|---|---|---|---|---|---|"
    for one in sorted(problems(), key=lambda problem: (problem.status, problem.code)):
        closes = "yes" if one.closes else ""
        cells = (one.title, one.detail, one.proxy_error or "", closes)
        yield f"| `{one.code}` | {one.status} | {' | '.join(_cell(cell) for cell in cells)} |"


def _metrics() -> Iterator[str]:
    yield "Every metric that is counted; `/metrics` at `admin` serves them, all processes together."
    yield ""
    yield "| name | kind | labels | meaning |"
    yield "|---|---|---|---|"
    for one in sorted(metrics(), key=lambda metric: metric.name):
        yield f"| `{one.name}` | {one.kind} | {', '.join(one.labels)} | {_cell(one.help)} |"


def _order() -> Iterator[str]:
    yield "Requests meet policies from the top down, answers from the bottom up."
    yield ""
    yield "| # | policy | needs | gives | why it stands here |"
    yield "|---|---|---|---|---|"
    for number, (kind, reason) in enumerate(ORDER, start=1):
        needs, gives = (", ".join(sorted(getattr(kind, side))) for side in ("needs", "gives"))
        yield f"| {number} | {kind.name} | {needs} | {gives} | {reason} |"


def _admin() -> Iterator[str]:
    yield "What is served at `admin`, for whoever sends `Authorization: Bearer` and the token of"
    yield "`state_dir/admin.token`; errors are `application/problem+json`."
    yield ""
    yield "| method | path | what it does |"
    yield "|---|---|---|"
    for method, path, sentence in endpoints():
        yield f"| {method} | `{path}` | {_cell(sentence)} |"


def _public() -> Iterator[str]:
    yield "What the gateway itself answers to clients, at every address of `listen`, as long as"
    yield "`admin` is not `off`.  `auth` is who may call; `off with` is what switches it off."
    yield ""
    yield "| method | path | auth | off with | what it does |"
    yield "|---|---|---|---|---|"
    sentences = {(method, path): sentence for method, path, sentence in public_endpoints()}
    for key, (_, routes) in PUBLIC.items():
        for route in routes:
            (method,) = route.methods
            off = OFF[key]
            sentence = _cell(sentences[method, route.path])
            yield f"| {method} | `{route.path}` | {route.auth} | {off} | {sentence} |"


def _internal() -> Iterator[str]:
    yield "What is served to services, at those addresses of `listen` that are `internal`, and only"
    yield "there, for whoever sends `Authorization: Bearer` and a token of `registration`; see"
    yield "[for developers of services](../services.md)."
    yield ""
    yield "| method | path | what it does |"
    yield "|---|---|---|"
    for method, path, sentence in internal_endpoints():
        yield f"| {method} | `{path}` | {_cell(sentence)} |"


def problems() -> list[Problem]:
    """Return every problem: the spine's and the features'."""
    return [*SPINE, *(one for one in _declared("problems") if isinstance(one, Problem))]


def metrics() -> list[Metric]:
    """Return every metric; a histogram with its default buckets."""
    own = (bus.DROPPED, CONNECTED, CPU, DROPPED, DURATION, LAG, MEMORY, PAUSE)
    others = (*vars(journal).values(), *_declared("metrics"))
    return [*own, *(one for one in others if isinstance(one, Metric))]


def _declared(file: str) -> Iterator[object]:
    """Yield what the files of that name declare, feature by feature."""
    for module in pkgutil.iter_modules(features.__path__):
        name = f"{features.__name__}.{module.name}.{file}"
        if importlib.util.find_spec(name) is not None:
            yield from vars(importlib.import_module(name)).values()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
