"""What `tta-gateway services` prints: a line for each service, endpoint and transition."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Told = dict[str, Any]


def lines(told: Told) -> Iterator[str]:
    """Yield the lines about what `/admin/v1/services` tells."""
    for service in told["services"]:
        yield from _service(service)


def _service(service: Told) -> Iterator[str]:
    of = len(service["endpoints"])
    words = [f"{service['name']}: {service['good']} of {of} good, {service['balance']}"]
    words += [f"needs {one}, which is down" for one in service["down"]]
    words += [f"does without {one}" for one in service["degraded"]]
    yield ", ".join(words)
    yield from _tls(service.get("tls", {}))
    for endpoint in service["endpoints"]:
        yield f"  {_endpoint(endpoint)}"
    for one in service["breakers"]:
        until = f" until {_time(one['until'])}" if "until" in one else ""
        cause = f": {one['cause']}" if one["cause"] else ""
        yield f"  breaker of {one['route']} {one['state']}{until}{cause}"
    for one in service["transitions"][-5:]:
        cause = f": {one['cause']}" if one["cause"] else ""
        yield f"    {_time(one['at'])} {one['endpoint']} {one['change']}{cause} ({one['by']})"


def _tls(told: Told) -> Iterator[str]:
    words = [] if told.get("verified", True) else ["is not verified"]
    words += [f"must be {told['must_be']}"] if "must_be" in told else []
    if "shows" in told:
        until = datetime.fromtimestamp(told["shows_until"], UTC).strftime("%Y-%m-%d %H:%MZ")
        words.append(f"is shown {told['shows']} until {until}")
    if words:
        yield f"  tls: {', '.join(words)}"


def _endpoint(endpoint: Told) -> str:
    state = endpoint["state"]
    if "ejected_until" in endpoint:
        state = f"ejected until {_time(endpoint['ejected_until'])}"
    words = [f"{endpoint['endpoint']} {state}", f"weight {endpoint['weight']:g}"]
    if endpoint["answers"]:
        p50, p99 = (endpoint[one] * 1000 for one in ("p50", "p99"))
        words.append(f"{endpoint['answers']} answers, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    if endpoint["lately"]["answers"]:
        p50, p99 = (endpoint["lately"][one] * 1000 for one in ("p50", "p99"))
        words.append(f"lately p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    if "probed_only_by" in endpoint:
        words.append(f"only probes from {endpoint['probed_only_by']} of the workers")
    words += [endpoint[one] for one in ("cause", "why") if one in endpoint]
    return ", ".join(words)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")
