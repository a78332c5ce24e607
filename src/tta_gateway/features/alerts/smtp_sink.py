"""Mail: alerts in plain text, all that are told together in one message.

There is never more than one conversation for a sink (support/mailing.py).
"""

from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage

from tta_gateway.features.alerts.bound import Mail, Notice
from tta_gateway.features.alerts.wording import stamp, status, summary
from tta_gateway.support import mailing
from tta_gateway.support.mailing import Mailer, MailWay, plain


class SmtpSink:
    """Some mailboxes."""

    def __init__(self, bound: Mail, *, node: str, link: str, wall: Callable[[], float]) -> None:
        """Send there, as this node; ssl.SSLError if the server's authorities cannot be used."""
        self._bound = bound
        self._node = node
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

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send one message; NotTaken if the server does not take it."""
        message = self.message(notices)
        await self._mailer.send(message, sender=self._bound.sender, to=self._bound.to)

    def message(self, notices: Sequence[Notice]) -> EmailMessage:
        """Return the message that tells of them."""
        return mailing.message(
            self._subject(notices),
            "\n".join(self._lines(notices)),
            sender=self._bound.sender,
            to=self._bound.to,
            at=self._wall(),
        )

    def _subject(self, notices: Sequence[Notice]) -> str:
        firing = sum(status(one) == "firing" for one in notices)
        over = len(notices) - firing
        counts = [f"{firing} firing"] * (firing > 0) + [f"{over} resolved"] * (over > 0)
        return f"[tta-gateway {self._node}] {', '.join(counts)}: {summary(notices[0].alert)}"

    def _lines(self, notices: Sequence[Notice]) -> Iterator[str]:
        for one in notices:
            alert = one.alert
            yield f"{status(one).upper()} {alert.name} ({alert.severity})"
            yield f"  {plain(summary(alert))}"
            if alert.cause:
                yield f"  cause: {plain(alert.cause)}"
            yield f"  since: {stamp(alert.began)}"
            if one.reason == "resolved":
                yield f"  until: {stamp(alert.ended)}, {plain(alert.recovery)}"
            elif one.reason == "flapping":
                yield f"  it flaps: it began {alert.times} times lately"
            elif one.reason == "repeat":
                yield "  it still lasts"
            yield ""
        yield f"Node {plain(self._node)}.  What fires now: {self._link}"
