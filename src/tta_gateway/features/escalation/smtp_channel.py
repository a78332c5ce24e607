"""Mail: notices in plain text.  Who the person is does not stand in it: mail is read by many."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Final

from tta_gateway.features.escalation.bound import Mailbox
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.wording import lines, title
from tta_gateway.support import mailing
from tta_gateway.support.mailing import Mailer, MailWay
from tta_gateway.support.posting import NotTaken

_MOST: Final = 1000  # notices that are remembered


class SmtpChannel:
    """Some mailboxes; that the server takes the mail is the confirmation."""

    def __init__(self, bound: Mailbox, *, link: str, wall: Callable[[], float]) -> None:
        """Send there; ssl.SSLError if the server's authorities cannot be used."""
        self._bound = bound
        self._link = link
        self._wall = wall
        self._have: dict[str, frozenset[str]] = {}  # notices that some mailboxes have
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
        """Send it; NotTaken unless the server takes it for every mailbox.

        Those that have it already get it no second time.
        """
        bound, has = self._bound, self._have.get(notice.id, frozenset())
        left = tuple(one for one in bound.to if one not in has)
        refused = await self._mailer.send(self.message(notice), sender=bound.sender, to=left)
        if refused:
            self._keep(notice.id, frozenset(bound.to) - refused)
            raise NotTaken(f"it takes no mail for {len(refused)} of the mailboxes of `to`")
        self._have.pop(notice.id, None)

    def _keep(self, id: str, has: frozenset[str]) -> None:
        if len(self._have) >= _MOST:
            del self._have[next(iter(self._have))]
        self._have[id] = has

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
