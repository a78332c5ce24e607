"""What the endpoints show."""

from tta_gateway.features.access.shown import care_shown, glass_shown, time_of
from tta_gateway.features.access.store import Glass, Relation


def test_times_are_as_rfc_3339_has_them() -> None:
    assert time_of(1_800_000_000.9) == "2027-01-15T08:00:00Z"


def test_care_is_shown_with_who_has_granted_it() -> None:
    one = Relation(carer="t1", person="p1", until=60.0, granted_by="admin", granted=0.0)
    assert care_shown(one).model_dump() == {
        "carer": "t1",
        "person": "p1",
        "until": "1970-01-01T00:01:00Z",
        "granted": "1970-01-01T00:00:00Z",
        "granted_by": "admin",
    }


def test_glass_is_shown_with_its_reason_and_who_has_closed_it() -> None:
    one = Glass(id="g", carer="t", person="p", reason="why", opened=0.0, until=60.0)
    assert (glass_shown(one).reason, glass_shown(one).closed) == ("why", "")
    closed = Glass(
        id="g", carer="t", person="p", reason="w", opened=0.0, until=9.0, closed=1.0, closed_by="t"
    )
    assert glass_shown(closed).closed == "1970-01-01T00:00:01Z"
    assert glass_shown(closed).closed_by == "t"
