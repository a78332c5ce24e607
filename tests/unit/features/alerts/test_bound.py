"""What an alert is, and what is never shown of a sink."""

import pytest

from tta_gateway.features.alerts.bound import Alert, Alertmanager, Mail, State, Webhook, key_of


def test_labels_and_name_tell_alerts_apart_in_any_order() -> None:
    one = Alert(name="A", severity="info", labels={"b": "2", "a": "1"}, cause="x", began=1.0)
    assert one.key == key_of("A", {"a": "1", "b": "2"}) == "A|a=1|b=2"


def test_no_sink_shows_its_secrets() -> None:
    sinks = (
        Alertmanager(url="http://h/kanarie", name="http://h", token="kanarie", password="kanarie"),
        Webhook(url="http://h/kanarie", name="http://h", secret="kanarie", token="kanarie"),
        Mail(host="h", port=25, name="smtp://h:25", sender="a@b", to=("c@d",), password="kanarie"),
    )
    assert [repr(one) for one in sinks] == [
        "<alertmanager http://h>",
        "<webhook http://h>",
        "<mail smtp://h:25>",
    ]


@pytest.mark.parametrize(
    ("state", "is_away", "is_told"),
    [
        ("begun", False, False),
        ("passed", True, False),
        ("firing", False, True),
        ("calming", True, True),
    ],
)
def test_a_state_says_whether_it_is_away_and_told(
    state: State, *, is_away: bool, is_told: bool
) -> None:
    alert = Alert(name="A", severity="info", labels={}, cause="", began=1.0, state=state)
    assert (alert.is_away, alert.is_told) == (is_away, is_told)
