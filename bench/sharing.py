"""What it costs to choose by a key, to split and to mirror: the path on paper, with and without.

Three endpoints, CPU time of one request in microseconds.  `python bench/sharing.py [--rounds N]`.
"""

import argparse
import asyncio
import statistics
from collections.abc import Callable
from typing import Final, cast

import msgspec
import paper

from tta_gateway.edge.upstream_connection import UpstreamConnection
from tta_gateway.features.mirror.bound import MirrorBound
from tta_gateway.features.split.bound import Canary, SplitBound
from tta_gateway.features.sticky.bound import StickyBound
from tta_gateway.kernel.route import Balance, Endpoint, Key
from tta_gateway.node import assemble_worker
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry

_PATH: Final = Key(by="path", name="player_id")
_HEADER: Final = Key(by="header", name="x-client")
_COOKIE: Final = Key(by="cookie", name="c")
_GIVEN: Final = Key(by="cookie", name="c", ttl=60.0)
_PARTS: Final = (("up", 90), ("other", 10))
# By what it is: the service's key, its balance, and the features of the route.
_KINDS: Final[dict[str, tuple[Key | None, Balance, dict[str, msgspec.Struct]]]] = {
    "balanced alone": (None, "peak_ewma", {}),
    "sticky by path": (_PATH, "peak_ewma", {"sticky": StickyBound(keys={"up": _PATH})}),
    "sticky by the service's cookie": (
        _COOKIE,
        "peak_ewma",
        {"sticky": StickyBound(keys={"up": _COOKIE})},
    ),
    "sticky, a cookie given each time": (
        _GIVEN,
        "peak_ewma",
        {"sticky": StickyBound(keys={"up": _GIVEN})},
    ),
    "consistent hash by header": (
        _HEADER,
        "consistent_hash",
        {"sticky": StickyBound(keys={"up": _HEADER})},
    ),
    "split, drawn": (None, "peak_ewma", {"split": SplitBound(parts=(("up", 1), ("other", 0)))}),
    "split by cookie, with a canary": (
        None,
        "peak_ewma",
        {
            "split": SplitBound(
                parts=(("up", 9_999_999), ("other", 1)),
                sticky=_COOKIE,
                canary=Canary(header="x-canary", service="other"),
            )
        },
    ),
    "mirror, of which nothing falls into the share": (
        None,
        "peak_ewma",
        {"mirror": MirrorBound(service="other", share=1e-9)},
    ),
}


def path_of(loop: asyncio.AbstractEventLoop, kind: str) -> Callable[[], None]:
    """Return a function that takes one request to one of three endpoints, and its answer back."""
    key, balance, features = _KINDS[kind]
    whole = paper.snapshot(None)
    service = msgspec.structs.replace(
        whole.services[0],
        endpoints=tuple(Endpoint(host="127.0.0.1", port=port) for port in (7, 8, 9)),
        sticky=key,
        balance=balance,
    )
    raw = {name: msgspec.Raw(msgspec.msgpack.encode(one)) for name, one in features.items()}
    route = msgspec.structs.replace(whole.routes[0], features=raw)
    changed = msgspec.structs.replace(
        whole,
        services=(service, msgspec.structs.replace(service, name="other")),
        routes=(route,),
    )
    worker = assemble_worker.Worker(
        parted(changed),
        loop=loop,
        clock=SystemClock(),
        registry=Registry(),
        logs=paper._log,  # noqa: SLF001 - the same log
    )
    client, client_side = worker.client(0), paper.PaperTransport()
    client.connection_made(cast("asyncio.Transport", client_side))
    ends = []
    for pool in worker.forwarder.upstreams["up"].pools:
        upstream = UpstreamConnection(
            pool,
            sweeper=worker.sweeper,
            limits=worker.snapshot.limits,
        )
        upstream.connection_made(cast("asyncio.Transport", paper.PaperTransport()))
        pool.open = 1
        pool.idle.append(upstream)
        ends.append((pool, upstream))

    def once() -> None:
        client.data_received(paper.REQUEST)
        for pool, upstream in ends:
            if not pool.idle:
                upstream.data_received(paper.ANSWER)

    once()
    if b" 200 OK\r\n" not in client_side.last:
        raise AssertionError(f"{kind} does not lead through: {client_side.last!r}")
    return once


def main() -> None:
    """Print what each kind costs beyond a choice by load alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--times", type=int, default=5000)
    arguments = parser.parse_args()
    loop = asyncio.new_event_loop()
    paths = {kind: path_of(loop, kind) for kind in _KINDS}
    seen: dict[str, list[float]] = {kind: [] for kind in paths}
    for _ in range(arguments.rounds):
        for kind, path in paths.items():
            seen[kind].append(paper.micros(path, times=arguments.times))
    loop.close()
    base = seen["balanced alone"]
    for kind, figures in seen.items():
        more = statistics.median(a - b for a, b in zip(figures, base, strict=True))
        print(f"{kind:48} {statistics.median(figures):6.2f} µs  {more:+6.2f}")


if __name__ == "__main__":
    main()
