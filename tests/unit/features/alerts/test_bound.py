"""What an alert is, and what is never shown of a sink."""

from tta_gateway.features.alerts.bound import Alert, Alertmanager, Mail, Webhook, key_of


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
