"""Explain a breaker: when a request's service is not asked, and what answers then."""

from collections.abc import Iterator

from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Breaker, Fallback, Route, leading_to


def unasked(route: Route, service: str) -> Iterator[str]:
    """Yield when the service is not asked on this route, and what answers then, a line each."""
    taken = leading_to(route, service)
    yield f"breaker: {_breaker(taken.breaker)}"
    if taken.fallback is not None:
        yield f"fallback: {_fallback(taken.fallback)}"
    elif _shares(route, service):
        yield "fallback: the others of the split, by their weights"
    elif service != OWN:
        yield "fallback: none"


def _breaker(settings: Breaker | None) -> str:
    if settings is None:
        return "none"
    share = f"{100 * settings.ratio:.3g} %"
    causes = [f"{share} of at least {settings.least} requests in {settings.window:g} s failed"]
    if settings.failures:
        causes.insert(0, f"{settings.failures} in a row failed")
    if settings.slow:
        causes.append(f"p{100 * settings.quantile:.3g} is over {settings.slow:g} s")
    return f"opens when {' or '.join(causes)}, for {settings.open:g} s at first"


def _fallback(fallback: Fallback) -> str:
    """Return who answers, and who does if that one cannot be asked either."""
    if fallback.respond is not None:
        return f"answer {fallback.respond.status}"
    then = f"; then {_fallback(fallback.fallback)}" if fallback.fallback is not None else ""
    return f"service {fallback.service}{then}"


def _shares(route: Route, service: str) -> bool:
    """Tell whether others take the share of this one."""
    weights = {part.service: part.weight for part in route.parts if part.weight}
    return service in weights and len(weights) > 1
