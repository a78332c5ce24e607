"""Mail: alerts in plain text, all that are told together in one message.

The conversation is the standard library's, in a thread that nobody waits for at the end of the
process: its socket has a timeout, and there is never more than one for a sink.
"""

import asyncio
import contextlib
import os
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from tta_gateway.features.alerts.bound import Mail, Notice
from tta_gateway.features.alerts.sink import SinkFailed
from tta_gateway.features.alerts.wording import stamp, status, summary

_PATIENCE: Final = 10.0  # seconds, for each answer of the server
_LONGEST: Final = 200  # characters of a subject


class SmtpSink:
    """Some mailboxes."""

    def __init__(self, bound: Mail, *, node: str, link: str, wall: Callable[[], float]) -> None:
        """Send there, as this node; ssl.SSLError if the server's authorities cannot be used."""
        self._bound = bound
        self._node = node
        self._link = link
        self._wall = wall
        self._context: ssl.SSLContext | None = None
        if bound.security != "none":
            self._context = ssl.create_default_context(cadata=bound.ca or None)

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send one message; SinkFailed if the server does not take it."""
        message = self.message(notices)
        await _aside(lambda: self._deliver(message))

    def message(self, notices: Sequence[Notice]) -> EmailMessage:
        """Return the message that tells of them."""
        made = EmailMessage()
        made["Subject"] = _plain(self._subject(notices))[:_LONGEST]
        made["From"] = self._bound.sender
        made["To"] = ", ".join(self._bound.to)
        made["Date"] = format_datetime(datetime.fromtimestamp(self._wall(), UTC))
        made["Auto-Submitted"] = "auto-generated"  # RFC 3834 5: nobody is to answer it by machine
        made.set_content("\n".join(self._lines(notices)), cte="quoted-printable")
        return made

    def _subject(self, notices: Sequence[Notice]) -> str:
        firing = sum(status(one) == "firing" for one in notices)
        over = len(notices) - firing
        counts = [f"{firing} firing"] * (firing > 0) + [f"{over} resolved"] * (over > 0)
        return f"[tta-gateway {self._node}] {', '.join(counts)}: {summary(notices[0].alert)}"

    def _lines(self, notices: Sequence[Notice]) -> Iterator[str]:
        for one in notices:
            alert = one.alert
            yield f"{status(one).upper()} {alert.name} ({alert.severity})"
            yield f"  {_plain(summary(alert))}"
            if alert.cause:
                yield f"  cause: {_plain(alert.cause)}"
            yield f"  since: {stamp(alert.began)}"
            if one.reason == "resolved":
                yield f"  until: {stamp(alert.ended)}, {_plain(alert.recovery)}"
            elif one.reason == "flapping":
                yield f"  it flaps: it began {alert.times} times lately"
            elif one.reason == "repeat":
                yield "  it still lasts"
            yield ""
        yield f"Node {_plain(self._node)}.  What fires now: {self._link}"

    def _deliver(self, message: EmailMessage) -> None:
        try:
            server = self._server()
            try:
                self._hand_over(server, message)
            finally:
                server.close()
        except ssl.SSLCertVerificationError as error:
            raise SinkFailed(f"its certificate is not good: {error.verify_message}") from None
        except smtplib.SMTPException as error:
            raise SinkFailed(_said(error)) from None
        except OSError as error:
            words = error.strerror or str(error) or type(error).__name__
            raise SinkFailed(f"it cannot be reached: {words}") from None

    def _hand_over(self, server: smtplib.SMTP, message: EmailMessage) -> None:
        bound = self._bound
        if self._context is not None and bound.security == "starttls":
            server.starttls(context=self._context)
        if bound.user:
            server.login(bound.user, bound.password)
        server.send_message(message, bound.sender, list(bound.to))
        # It has been taken: what goes wrong from here on must not have it sent again.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()

    def _server(self) -> smtplib.SMTP:
        bound, context = self._bound, self._context
        own = os.uname().nodename  # or the library would ask DNS for it
        if context is not None and bound.security == "tls":
            return smtplib.SMTP_SSL(bound.host, bound.port, own, timeout=_PATIENCE, context=context)
        return smtplib.SMTP(bound.host, bound.port, own, timeout=_PATIENCE)


def _said(error: smtplib.SMTPException) -> str:
    """Return why it was refused: the server's code, and never its words, which may quote ours."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "it offers no STARTTLS, or no way to log in: see `security`"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "it takes no mail for any of the mailboxes of `to`"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it refuses `user` or `password` ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answers {error.smtp_code}"
    return "it ends the connection, or speaks no SMTP"


def _plain(text: str) -> str:
    """Return the text on one line."""
    return "".join(one if one.isprintable() else " " for one in text)


async def _aside(work: Callable[[], None]) -> None:
    """Have a thread do it, and wait for its end."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    def end(error: BaseException | None) -> None:
        if over.done():
            return
        if error is None:
            over.set_result(None)
        else:
            over.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - it is raised where it is waited for
            error = fault
        try:
            loop.call_soon_threadsafe(end, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    threading.Thread(target=run, name="mail", daemon=True).start()
    await over
