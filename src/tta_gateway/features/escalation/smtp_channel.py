"""Mail: notices in plain text.  Who the person is does not stand in it: mail is read by many."""

from collections.abc import Callable
from email.message import EmailMessage

from tta_gateway.features.escalation.bound import Mailbox
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.wording import lines, title
from tta_gateway.support import mailing
from tta_gateway.support.mailing import Mailer, MailWay


class SmtpChannel:
    """Some mailboxes; that the server takes the mail is the confirmation."""

    def __init__(self, bound: Mailbox, *, link: str, wall: Callable[[], float]) -> None:
        """Send there; ssl.SSLError if the server's authorities cannot be used."""
        self._bound = bound
        self._link = link
        self._wall = wall
        self._mailer = Mailer(
            MailWay(
                bound.host,
                bound.port,
                bound.security,
                ca=bound.ca,
                user=bound.user,
                password=bound.password,
            )
        )

    async def send(self, notice: Notice) -> None:
        """Send it; NotTaken if the server does not take it."""
        bound = self._bound
        await self._mailer.send(self.message(notice), sender=bound.sender, to=bound.to)

    def message(self, notice: Notice) -> EmailMessage:
        """Return the message; `Message-ID` is the same whenever the notice is sent again."""
        made = mailing.message(
            title(notice),
            "\n".join(lines(notice, self._link)),
            sender=self._bound.sender,
            to=self._bound.to,
            at=self._wall(),
        )
        made["Message-ID"] = f"<{notice.id}@{self._bound.sender.partition('@')[2]}>"
        made["Importance"] = "high"
        return made
