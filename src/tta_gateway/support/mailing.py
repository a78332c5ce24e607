"""Mailing: one message to a server that takes mail to be sent.

The conversation is the standard library's, in a thread that nobody waits for at the end of the
process: its socket has a timeout.
"""

import asyncio
import contextlib
import os
import smtplib
import ssl
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Literal

from tta_gateway.support.posting import NotTaken

_PATIENCE: Final = 10.0  # seconds, for each answer of the server
_LONGEST: Final = 200  # characters of a subject
Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class MailWay:
    """The server and who logs in there; `ca` holds authorities in PEM, empty for the machine's."""

    host: str
    port: int
    security: Security
    ca: str = ""
    user: str = ""
    password: str = field(default="", repr=False)


def message(
    subject: str, text: str, *, sender: str, to: tuple[str, ...], at: float
) -> EmailMessage:
    """Return a message in plain text; `at` is in seconds since the epoch."""
    made = EmailMessage()
    made["Subject"] = plain(subject)[:_LONGEST]
    made["From"] = sender
    made["To"] = ", ".join(to)
    made["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834 5
    made.set_content(text, cte="quoted-printable")
    return made


def plain(text: str) -> str:
    """Return the text on one line."""
    return "".join(one if one.isprintable() else " " for one in text)


class Mailer:
    """Hands messages to one server."""

    def __init__(self, way: MailWay) -> None:
        """Send that way; ssl.SSLError if the server's authorities cannot be used."""
        self._way = way
        self._context: ssl.SSLContext | None = None
        if way.security != "none":
            self._context = ssl.create_default_context(cadata=way.ca or None)

    async def send(
        self, message: EmailMessage, *, sender: str, to: tuple[str, ...]
    ) -> frozenset[str]:
        """Send a message; return the mailboxes that it is not taken for.

        NotTaken if the server takes it for none.
        """
        refused = set[str]()
        await _aside(lambda: refused.update(self._deliver(message, sender, to)))
        return frozenset(refused)

    def _deliver(self, message: EmailMessage, sender: str, to: tuple[str, ...]) -> Collection[str]:
        try:
            server = self._server()
            try:
                return self._hand_over(server, message, sender, to)
            finally:
                server.close()
        except ssl.SSLCertVerificationError as error:
            raise NotTaken(f"its certificate is not good: {error.verify_message}") from None
        except smtplib.SMTPException as error:
            raise NotTaken(_said(error)) from None
        except OSError as error:
            words = error.strerror or str(error) or type(error).__name__
            raise NotTaken(f"it cannot be reached: {words}") from None

    def _hand_over(
        self, server: smtplib.SMTP, message: EmailMessage, sender: str, to: tuple[str, ...]
    ) -> Collection[str]:
        way = self._way
        if self._context is not None and way.security == "starttls":
            server.starttls(context=self._context)
        if way.user:
            server.login(way.user, way.password)
        refused = server.send_message(message, sender, list(to))
        # It has been taken: what goes wrong from here on must not have it sent again.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()
        return refused

    def _server(self) -> smtplib.SMTP:
        way, context = self._way, self._context
        own = os.uname().nodename  # or the library would ask DNS for it
        if context is not None and way.security == "tls":
            return smtplib.SMTP_SSL(way.host, way.port, own, timeout=_PATIENCE, context=context)
        return smtplib.SMTP(way.host, way.port, own, timeout=_PATIENCE)


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
