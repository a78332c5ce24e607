"""Mail about incidents: its id is the notice's, and who it is about does not stand in it."""

import asyncio
from typing import Any, cast

import pytest

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Mailbox
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.smtp_channel import SmtpChannel
from tta_gateway.support.posting import NotTaken


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


def test_a_mailbox_that_is_refused_is_no_confirmation_and_the_others_get_it_once() -> None:
    bound = Mailbox(
        name="m", host="h", port=25, security="none", sender="gw@b", to=("on@h", "archive@h")
    )
    notice = Notice(id="n1", number=1, contact="m", incident=opened(a_report(), NOW), at=NOW)
    channel = SmtpChannel(bound, link="", wall=lambda: NOW)
    sent: list[tuple[str, ...]] = []

    class Mailer:
        refused = frozenset({"on@h"})

        async def send(self, _: object, *, sender: str, to: tuple[str, ...]) -> frozenset[str]:
            assert sender == "gw@b"
            sent.append(to)
            return self.refused

    mailer = Mailer()
    channel._mailer = cast("Any", mailer)
    with pytest.raises(NotTaken, match="for 1 of the mailboxes"):
        asyncio.run(channel.send(notice))
    mailer.refused = frozenset()
    asyncio.run(channel.send(notice))
    assert sent == [("on@h", "archive@h"), ("on@h",)]
