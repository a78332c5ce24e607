"""Alerts for tests: events as workers and control tell them, and what comes of them."""

from tta_gateway.features.alerts.bound import Alert, Notice, Reason
from tta_gateway.kernel.events import EndpointChange, EndpointChanged, ServiceChanged, ServiceState


def endpoint(
    change: EndpointChange,
    *,
    at: float = 0.0,
    name: str = "10.0.0.1:80",
    cause: str = "",
    until: float = 0.0,
    by: str = "worker 1",
) -> EndpointChanged:
    """An endpoint of `players` changes."""
    return EndpointChanged(
        service="players", endpoint=name, change=change, cause=cause, at=at, by=by, until=until
    )


def service(after: ServiceState, *, at: float = 0.0, cause: str = "") -> ServiceChanged:
    """The service `players` changes."""
    return ServiceChanged(service="players", before="healthy", after=after, cause=cause, at=at)


def an_alert(**more: object) -> Alert:
    """An endpoint that is down since the year 2023."""
    fields: dict[str, object] = {
        "name": "EndpointDown",
        "severity": "warning",
        "labels": {"service": "players", "endpoint": "10.0.0.1:80"},
        "cause": "status 503",
        "began": 1_700_000_000.0,
        "told": 1_700_000_005.0,
        **more,
    }
    return Alert(**fields)  # type: ignore[arg-type]  # a test says what it wants


def a_notice(reason: Reason = "new", **more: object) -> Notice:
    """A notice of such an alert."""
    return Notice(reason=reason, alert=an_alert(**more))
