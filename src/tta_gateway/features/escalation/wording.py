"""Wording: what people and their tools read of an incident; never what somebody has written."""

from datetime import UTC, datetime
from typing import Final

from tta_gateway.features.escalation.algorithm import is_alarming
from tta_gateway.features.escalation.bound import Incident, State
from tta_gateway.features.escalation.channel import Notice

LEVELS: Final = ("none", "elevated", "high", "imminent")
"""The words of kernel/verdict.py: how soon somebody should look; no diagnosis."""
_ASKED: Final = "Please acknowledge it: until somebody does, others are told as well."
_DRILL: Final = "This is a drill: nobody is in need."


def stamp(moment: float) -> str:
    """Return a moment as RFC 3339 has it."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def stamp_or_none(moment: float) -> str | None:
    """Return a moment, None for one that has not been."""
    return stamp(moment) if moment else None


def title(notice: Notice) -> str:
    """Return the notice in one line, which may be seen by whoever sees a screen."""
    incident = notice.incident
    drill = "[DRILL] " if incident.drill else ""
    again = f", call {notice.number}" if notice.number > 1 else ""
    return f"{drill}Level {incident.level} ({LEVELS[incident.level]}): somebody needs you{again}"


def lines(notice: Notice, link: str) -> list[str]:
    """Return the notice in plain text; it does not say who the person is."""
    incident = notice.incident
    found = [
        title(notice),
        "",
        f"incident: {known_as(incident)}",
        f"since: {stamp(incident.began)}",
        f"messages: {incident.reports}, of which {incident.undelivered} reached no service",
    ]
    if incident.identity != "verified":
        found.append("who it is has not been proved")
    found += ["", _DRILL if incident.drill else _ASKED]
    if link:
        found.append(f"look, and answer: {link}/{known_as(incident)}")
    return found


def told(notice: Notice, *, node: str, link: str) -> dict[str, object]:
    """Return the notice as tools get it; docs/safety/escalation.md describes it field by field."""
    incident = notice.incident
    return {
        "id": notice.id,
        "number": notice.number,
        "node": node,
        "sent_at": stamp(notice.at),
        "title": title(notice),
        "link": f"{link}/{known_as(incident)}" if link else None,
        "incident": {**shown(incident), "id": known_as(incident)},
    }


def known_as(incident: Incident) -> str:
    """Return the id by which people know it: at whatever node somebody has written."""
    return incident.part_of or incident.id


def shown(incident: Incident) -> dict[str, object]:
    """Return an incident as people read it."""
    is_over = incident.state is State.RESOLVED
    return {
        "id": incident.id,
        "drill": incident.drill,
        "state": incident.state.value,
        "level": incident.level,
        "level_name": LEVELS[incident.level],
        "categories": list(incident.categories),
        "person": incident.person,
        "identity": incident.identity,
        "route": incident.route,
        "service": incident.service,
        "opened_at": stamp(incident.opened),
        "began_at": stamp(incident.began),
        "last_report_at": stamp(incident.last),
        "reports": incident.reports,
        "texts_kept": incident.texts,
        "undelivered": incident.undelivered,
        "calls": incident.attempt,
        "next_call_at": stamp_or_none(incident.due if is_alarming(incident) else 0.0),
        "notified_at": stamp_or_none(incident.notified),
        "acknowledged_at": stamp_or_none(incident.acknowledged),
        "carer": incident.carer or None,
        "part_of": incident.part_of or None,
        "holder": incident.holder or None,
        "resolved_at": stamp_or_none(incident.resolved if is_over else 0.0),
    }
