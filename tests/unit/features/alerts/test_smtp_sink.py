"""Mail: what stands in it.  A real server takes it in tests/contract/alerts."""

from email.message import EmailMessage

from tests.helpers.alerting import a_notice
from tta_gateway.features.alerts.bound import Mail, Notice
from tta_gateway.features.alerts.smtp_sink import SmtpSink

NOW = 1_700_000_100.0


def mail(*notices: Notice, node: str = "edge-1") -> EmailMessage:
    bound = Mail(
        host="127.0.0.1", port=25, security="none", sender="gw@example.org", to=("a@b", "c@d")
    )
    return SmtpSink(bound, node=node, link="http://h/alerts", wall=lambda: NOW).message(notices)


def test_what_is_told_together_is_one_message() -> None:
    over = a_notice("resolved", ended=1_700_000_050.0, recovery="it is back")
    message = mail(a_notice(), a_notice("flapping", flapping=True, times=4), over)
    assert message["subject"] == (
        "[tta-gateway edge-1] 2 firing, 1 resolved: players 10.0.0.1:80 does not pass its checks"
    )
    assert (message["from"], message["to"]) == ("gw@example.org", "a@b, c@d")
    assert message["date"] == "Tue, 14 Nov 2023 22:15:00 +0000"
    assert message["auto-submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert message.get_content().splitlines() == [
        "FIRING EndpointDown (warning)",
        "  players 10.0.0.1:80 does not pass its checks",
        "  cause: status 503",
        "  since: 2023-11-14T22:13:20.000Z",
        "",
        "FIRING EndpointDown (warning)",
        "  players 10.0.0.1:80 does not pass its checks",
        "  cause: status 503",
        "  since: 2023-11-14T22:13:20.000Z",
        "  it flaps: it began 4 times lately",
        "",
        "RESOLVED EndpointDown (warning)",
        "  players 10.0.0.1:80 does not pass its checks",
        "  cause: status 503",
        "  since: 2023-11-14T22:13:20.000Z",
        "  until: 2023-11-14T22:14:10.000Z, it is back",
        "",
        "Node edge-1.  What fires now: http://h/alerts",
    ]


def test_what_lasts_is_said_to() -> None:
    assert "  it still lasts" in mail(a_notice("repeat", cause="")).get_content().splitlines()


def test_no_cause_can_write_a_field_or_a_line() -> None:
    evil = "x\r\nBcc: all@example.org\r\n.\r\n"
    message = mail(a_notice(cause=evil, labels={"service": evil}), node=evil)
    assert "bcc" not in [name.lower() for name in message]
    assert "\n".join(message.get_content().splitlines()).count("\nBcc") == 0


def test_the_subject_has_an_end() -> None:
    assert len(mail(a_notice(labels={"service": "x" * 1000}))["subject"]) == 200
