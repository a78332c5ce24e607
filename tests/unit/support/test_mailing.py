"""Mailing: what is said of a server that takes no mail.  Real ones: tests/contract/alerts."""

import asyncio
import smtplib

import pytest

from tta_gateway.support.mailing import _aside, _said, message


def test_a_message_is_plain_text_of_a_machine() -> None:
    made = message("a\nb" + "x" * 300, "text", sender="a@b", to=("c@d", "e@f"), at=1_700_000_100.0)
    assert made["subject"] == ("a b" + "x" * 300)[:200]
    assert (made["from"], made["to"]) == ("a@b", "c@d, e@f")
    assert made["date"] == "Tue, 14 Nov 2023 22:15:00 +0000"
    assert made["auto-submitted"] == "auto-generated"
    assert made.get_content() == "text\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (smtplib.SMTPNotSupportedError(), "STARTTLS"),
        (smtplib.SMTPRecipientsRefused({}), "mailboxes"),
        (smtplib.SMTPAuthenticationError(535, b"no kanarie"), "`password` (535)"),
        (smtplib.SMTPDataError(554, b"no kanarie"), "answers 554"),
        (smtplib.SMTPServerDisconnected("kanarie"), "ends the connection"),
    ],
)
def test_every_refusal_has_words_and_none_are_the_server_s(
    error: smtplib.SMTPException, words: str
) -> None:
    assert words in _said(error)
    assert "kanarie" not in _said(error)


def test_a_fault_in_the_thread_is_raised_where_it_is_waited_for() -> None:
    def fail() -> None:
        raise ValueError("in the thread")

    with pytest.raises(ValueError, match="in the thread"):
        asyncio.run(_aside(fail))


def test_who_waits_no_longer_disturbs_nobody() -> None:
    async def leave() -> None:
        async with asyncio.timeout(0.0):
            await _aside(lambda: None)

    with pytest.raises(TimeoutError):
        asyncio.run(leave())
