"""Mail about incidents: its id is the notice's, and who it is about does not stand in it."""

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Mailbox
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.smtp_channel import SmtpChannel


def test_a_mail_is_the_same_whenever_it_is_sent_again() -> None:
    bound = Mailbox(
        name="m", host="h", port=25, security="none", sender="gw@example.org", to=("a@b",)
    )
    notice = Notice(id="n1", number=1, contact="m", incident=opened(a_report(), NOW), at=NOW)
    made = SmtpChannel(bound, link="http://l", wall=lambda: NOW).message(notice)
    assert made["message-id"] == "<n1@example.org>"
    assert (made["importance"], made["to"]) == ("high", "a@b")
    assert "ada" not in made.as_string()
    assert repr(bound) == "<mail m>"
