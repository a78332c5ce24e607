"""`/admin/v1/services`: what control knows of each service, and what workers see of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from fastapi import APIRouter, HTTPException

from tta_gateway.features.metrics.algorithm import Histogram, cumulated, quantile
from tta_gateway.node.known import Kept, Known
from tta_gateway.node.merged import Routes, figures
from tta_gateway.node.penalties import why
from tta_gateway.node.services import Services
from tta_gateway.node.times import beside
from tta_gateway.support.metrics import children
from tta_gateway.support.segment import Segment
from tta_gateway.upstream.pace import EVEN
from tta_gateway.upstream.timing import DURATION

Told = dict[str, Any]
_LOST: Final = 3600.0  # seconds of silence after which a breaker is of a worker that is no more
_OPENNESS: Final = ("open", "half_open", "ramp", "closed")
Times = dict[tuple[str, str], dict[str, list[Histogram]]]
"""Histograms by service and endpoint, and then by route."""
Seen = Mapping[str, Routes]
"""What was counted of late, by endpoint and then by route."""


def router(
    services: Services,
    segments: Callable[[], Iterable[Segment]],
    wall: Callable[[], float],
    lately: Callable[[str], Seen],
) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say.

    `lately` is asked for what was counted of a service of late.
    """
    made = APIRouter(prefix="/admin/v1")

    @made.get("/services")
    async def all_services() -> Told:
        """Return every service with its endpoints: how they are, why, and what they do."""
        times = _times(segments())
        return {
            "services": [
                _service(one, times, lately(name), wall()) for name, one in services.kept.items()
            ]
        }

    @made.get("/services/{name}")
    async def one_service(name: str) -> Told:
        """Return one service, with the times of each endpoint for each route."""
        kept = services.kept.get(name)
        if kept is None:
            raise HTTPException(404, f"There is no service `{name}`.")
        return _service(kept, _times(segments()), lately(name), wall(), with_routes=True)

    return made


def _times(segments: Iterable[Segment]) -> Times:
    found: Times = {}
    for segment in segments:
        for metric, values, child in children(segment):
            if metric.name == DURATION.name:
                service, endpoint, route = values
                routes = found.setdefault((service, endpoint), {})
                routes.setdefault(route, []).append((metric.buckets, child.values()))
    return found


def _service(
    kept: Kept, times: Times, seen: Seen, now: float, *, with_routes: bool = False
) -> Told:
    name = kept.service.name
    endpoints = []
    for one in kept.endpoints.values():
        all_times = times.get((name, one.endpoint.name), {})
        told = _endpoint(one, all_times, now, with_routes=with_routes)
        endpoints.append(told | _lately(name, one, seen, now))
    states = [one["state"] for one in endpoints if "ejected_until" not in one]
    good = states.count("up") or states.count("unproved")
    return {
        "name": name,
        "balance": kept.service.balance,
        "good": good,
        "down": list(kept.down),
        "degraded": list(kept.degraded),
        "breakers": list(_breakers(kept, now)),
        "endpoints": endpoints,
        **_found(kept),
        "transitions": [
            {
                "at": one.at,
                "endpoint": one.endpoint,
                "change": one.change,
                "cause": one.cause,
                "by": one.by,
            }
            for one in kept.transitions
        ],
    }


def _found(kept: Kept) -> Told:
    """Return when what registries say, or names stand for, last changed, and what is not taken."""
    told: Told = {"found_at": kept.found_at} if kept.found_at else {}
    left = [
        {"source": one.source, "endpoint": one.endpoint, "reason": one.reason}
        for one in kept.left()
    ]
    return {**told, "refused_instances": left} if left else told


def _breakers(kept: Kept, now: float) -> Iterator[Told]:
    """Yield each breaker that is not closed: as the worker knows it where it is open most."""
    for route, by_worker in kept.breakers.items():
        known = [one for one in by_worker.values() if max(one.at, one.until) > now - _LOST]
        if known:
            one = min(known, key=lambda one: (_OPENNESS.index(one.state), -one.until))
            told = {"route": route, "state": one.state, "cause": one.cause, "by": one.by}
            yield {**told, "until": one.until} if one.until else told
    for route, until in kept.open.items():  # as a control before this one knew it
        if until > now and route not in kept.breakers:
            yield {"route": route, "state": "open", "cause": "", "until": until}


def _endpoint(
    known: Known, times: Mapping[str, list[Histogram]], now: float, *, with_routes: bool
) -> Told:
    seen = known.sights(now)
    told: Told = {
        "endpoint": known.endpoint.name,
        "source": known.source,
        "state": "draining" if known.instance.draining else known.state,
        "since": known.since,
        "weight": round(known.weight(now), 3),
        "in_flight": sum(one.in_flight for one in seen),
        "connections": sum(one.open for one in seen),
        **_quantiles([part for parts in times.values() for part in parts]),
    }
    if known.cause:
        told["cause"] = known.cause
    if known.ejected_until > now:
        told["ejected_until"] = known.ejected_until
    if with_routes:
        told["routes"] = {route: _quantiles(parts) for route, parts in times.items()}
    return told


def _lately(service: str, known: Known, seen: Seen, now: float) -> Told:
    """Return the times of late, and why the endpoint gets less than others, if it does."""
    name, sights = known.endpoint.name, known.sights(now)
    own = figures(seen.get(name, {}).values())
    told: Told = {"lately": {"answers": own.answers}}
    if own.answers:
        told["lately"] |= {"p50": round(own.p50, 6), "p99": round(own.p99, 6)}
    penalising = sum(one.penalised for one in sights)
    ratio = max((one.ratio for one in sights), default=1.0)
    if known.slow_since:
        told["slow_since"] = known.slow_since
    if penalising:
        told["probed_only_by"] = penalising
    if ratio > EVEN or penalising or known.slow_since:
        told["why"] = why(f"{service}/{name}", known, now, *beside(seen, name))
    return told


def _quantiles(parts: list[Histogram]) -> Told:
    counts, _ = cumulated(parts)
    answers = counts[-1][1]
    if not answers:
        return {"answers": 0}
    return {
        "answers": int(answers),
        "p50": round(quantile(counts, 0.5), 6),
        "p99": round(quantile(counts, 0.99), 6),
    }
