"""Alertmanager: the form of its API v2.

`postableAlerts` in api/v2/openapi.yaml of github.com/prometheus/alertmanager (as of commit
07d03b6c2c7e747335198f07d382060721dd2831): an array of objects with `labels` (required) and
`annotations`, whose values are strings, `startsAt` and `endsAt`, which are date-times, and
`generatorURL`, which is a URI.
"""

from tests.helpers.alerting import a_notice
from tta_gateway.features.alerts.alertmanager_sink import AlertmanagerSink
from tta_gateway.features.alerts.bound import Alertmanager

NOW = 1_700_000_100.0


def a_sink(**more: object) -> AlertmanagerSink:
    bound = Alertmanager(url="http://am:9093/", name="http://am:9093", **more)  # type: ignore[arg-type]
    link = "http://127.0.0.1:8081/admin/v1/alerts"
    return AlertmanagerSink(bound, node="edge-1", link=link, wall=lambda: NOW)


def test_one_that_fires_ends_ahead_of_now() -> None:
    assert a_sink(resolve_timeout=300.0).postable(a_notice("still")) == {
        "labels": {
            "alertname": "EndpointDown",
            "severity": "warning",
            "node": "edge-1",
            "service": "players",
            "endpoint": "10.0.0.1:80",
        },
        "annotations": {
            "summary": "players 10.0.0.1:80 does not pass its checks",
            "cause": "status 503",
        },
        "startsAt": "2023-11-14T22:13:20.000Z",
        "endsAt": "2023-11-14T22:20:00.000Z",
        "generatorURL": "http://127.0.0.1:8081/admin/v1/alerts",
    }


def test_one_that_is_over_says_when_and_how() -> None:
    notice = a_notice("resolved", ended=1_700_000_050.0, recovery="it is back", cause="")
    told = a_sink().postable(notice)
    assert told["endsAt"] == "2023-11-14T22:14:10.000Z"
    assert told["annotations"] == {
        "summary": "players 10.0.0.1:80 does not pass its checks",
        "recovery": "it is back",
    }


def test_labels_stay_the_same_as_long_as_it_lasts() -> None:
    sink = a_sink()
    later = a_notice("flapping", flapping=True, times=4, cause="other", recovery="x", ended=1.0)
    assert sink.postable(later)["labels"] == sink.postable(a_notice())["labels"]
    assert sink.postable(later)["annotations"]["flapping"] == "began 4 times lately"


def test_it_is_let_in_as_the_operator_says() -> None:
    assert a_sink(token="abc")._login() == {"authorization": "Bearer abc"}
    assert a_sink(user="u", password="p")._login() == {"authorization": "Basic dTpw"}
    assert a_sink()._login() == {}
