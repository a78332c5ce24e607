"""Webhooks: the form that docs/alerts.md describes."""

from tests.helpers.alerting import a_notice
from tta_gateway.features.alerts.webhook_sink import told


def test_one_that_fires_is_told_with_its_cause() -> None:
    made = told(a_notice(), "edge-1")
    assert len(str(made.pop("id"))) == 32
    assert made == {
        "status": "firing",
        "reason": "new",
        "alert": "EndpointDown",
        "severity": "warning",
        "labels": {"service": "players", "endpoint": "10.0.0.1:80"},
        "summary": "players 10.0.0.1:80 does not pass its checks",
        "cause": "status 503",
        "recovery": None,
        "flapping": False,
        "starts_at": "2023-11-14T22:13:20.000Z",
        "ends_at": None,
    }


def test_one_that_is_over_says_when_and_how() -> None:
    made = told(a_notice("resolved", ended=1_700_000_050.0, recovery="it is back"), "edge-1")
    assert (made["status"], made["recovery"], made["ends_at"]) == (
        "resolved",
        "it is back",
        "2023-11-14T22:14:10.000Z",
    )


def test_a_notice_keeps_its_id_and_no_other_has_it() -> None:
    notices = (
        a_notice(),
        a_notice(labels={"service": "other"}),
        a_notice("resolved", ended=5.0),
        a_notice("repeat", told=9.0),
    )
    ids = [told(one, "edge-1")["id"] for one in notices]
    assert ids == [told(one, "edge-1")["id"] for one in notices]
    assert len({*ids, told(a_notice(), "edge-2")["id"]}) == 5
