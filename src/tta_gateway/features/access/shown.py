"""What the endpoints show of care and of broken glass."""

from datetime import UTC, datetime

from pydantic import BaseModel

from tta_gateway.features.access.store import Glass, Relation


class CareShown(BaseModel):
    """Somebody cares for a person."""

    carer: str
    person: str
    until: str
    granted: str
    granted_by: str


class CaresShown(BaseModel):
    """Who cares for whom now."""

    care: list[CareShown]


class GlassShown(BaseModel):
    """Glass that somebody has broken; `closed` is empty where nobody has closed it."""

    id: str
    carer: str
    person: str
    reason: str
    opened: str
    until: str
    closed: str
    closed_by: str


class GlassesShown(BaseModel):
    """What was broken, the last first."""

    glass: list[GlassShown]


def time_of(seconds: float) -> str:
    """Return a time of the epoch as RFC 3339 has it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def care_shown(one: Relation) -> CareShown:
    """Return it as it is shown."""
    return CareShown(
        carer=one.carer,
        person=one.person,
        until=time_of(one.until),
        granted=time_of(one.granted),
        granted_by=one.granted_by,
    )


def glass_shown(one: Glass) -> GlassShown:
    """Return it as it is shown."""
    return GlassShown(
        id=one.id,
        carer=one.carer,
        person=one.person,
        reason=one.reason,
        opened=time_of(one.opened),
        until=time_of(one.until),
        closed=time_of(one.closed) if one.closed else "",
        closed_by=one.closed_by,
    )
