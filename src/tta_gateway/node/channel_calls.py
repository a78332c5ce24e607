"""Channels as control asks of them for services: it publishes and looks, and hears nothing."""

from collections.abc import Callable

from tta_gateway.features.realtime.codes import INTERNAL
from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.errand import Disconnect, Unsubscribe
from tta_gateway.features.realtime.errands import BrokerErrands
from tta_gateway.features.realtime.kinds import Kind
from tta_gateway.features.realtime.mail import Mail
from tta_gateway.features.realtime.post_office import PostOffice
from tta_gateway.features.realtime.server_api import Out, ServerApi, Shown
from tta_gateway.features.realtime.valkey_broker import ValkeyBroker
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.kernel.listening import Heard, Judged, Listener, Place, Speaker
from tta_gateway.node.channel_rules import Now
from tta_gateway.node.channel_store import Ear, boxes
from tta_gateway.node.forgetting import Done, Forgetting
from tta_gateway.node.hearing import mode_in
from tta_gateway.node.store_keys import StoreKeeping
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock
from tta_gateway.support.crypto.vault import Vault
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import Died
from tta_gateway.support.valkey.client import Valkey


class Idle:
    """Does nothing of what workers are asked: control has no sessions."""

    def disconnect(self, order: Disconnect) -> None:
        """There is none to end."""

    def unsubscribe(self, order: Unsubscribe) -> None:
        """There is none to take out."""

    def take(self, session: str, data: bytes) -> bool:  # noqa: ARG002 - a port
        """Say that it is not here."""
        return False

    def missed(self) -> None:
        """There is none to look at."""


def server_api(  # noqa: PLR0913 - where it meets control, each by its name
    snapshot: Callable[[], Snapshot],
    client: Callable[[], Valkey | None],
    *,
    vault: Callable[[], Vault | None],
    disk: Callable[[], Valkey | None],
    log: EventLog,
    clock: Clock,
    died: Died,
) -> ServerApi:
    """Return what services may ask, by the store that the configuration names.

    `disk` is a client of it that nobody else uses (features/realtime/disk.py).
    """
    fresh = _fresh(clock)
    now, asked = Now(snapshot), Disk(disk, died=died)
    broker = ValkeyBroker(client, disk=asked, listener=Ear(), fresh=fresh, tell=log.event)
    orders = BrokerErrands(broker, worker=fresh(), doer=Idle(), tell=log.event, died=died)
    broker.vault, broker.about = vault, now.about
    inboxes = boxes(client, asked, wall=clock.wall, vault=broker.vault)
    mail = Mail(inboxes, kinds=now.kinds, fresh=fresh, wall=clock.wall)
    return ServerApi(now.kinds, broker, orders, clock, post=PostOffice(mail, now.inbox))


def forgetting(  # noqa: PLR0913 - where it meets control, each by its name
    snapshot: Callable[[], Snapshot],
    client: Callable[[], Valkey | None],
    *,
    vault: Callable[[], Vault | None],
    keys: StoreKeeping,
    log: EventLog,
    clock: Clock,
    died: Died,
) -> Forgetting:
    """Return what deletes what is kept of people, in the store that the configuration names."""
    disk = Disk(client, died=died)  # which nobody asks, who only deletes
    broker = ValkeyBroker(client, disk=disk, listener=Ear(), fresh=_fresh(clock), tell=log.event)
    broker.vault = vault
    return Forgetting(
        Done(client),
        keys,
        ValkeyInbox(client, wall=clock.wall),
        broker,
        rules=Now(snapshot).rules,
        has_store=lambda: snapshot().state is not None,
        is_own=lambda: (found := snapshot().state) is not None and found.embedded,
        monotonic=clock.monotonic,
    )


def _fresh(clock: Clock) -> Callable[[], str]:
    """Return what makes names that nobody has made before."""
    draw = Identifiers(clock.wall).uuid7
    return lambda: draw().decode()


def shown_by(listener: Listener) -> Shown:
    """Return what is shown of what services say, as this judges it; the guard is told of the rest.

    Nobody in particular was to read it: it is an incident of its channel, or of letters.
    """

    async def shown(kind: Kind | None, channel: str, data: bytes) -> bytes:
        mode = "scan" if kind is None else mode_in(kind.rule)
        if mode == "off":
            return data
        place = _place(kind, is_observed=mode == "observe")
        judged = listener.judge(place, channel, data, goes_on=False)
        if not isinstance(judged, Judged):
            judged = await judged
        if not judged.data:
            raise Out(INTERNAL)
        found = judged.verdict
        if found is not None:
            heard = Heard(found, level=found.level, text=judged.text)
            speaker = _about(channel)
            await listener.report(speaker, place, heard, delivered=False, source="reply")
        return judged.data

    return shown


def _place(kind: Kind | None, *, is_observed: bool) -> Place:
    if kind is None:
        return Place("realtime letters", "", is_observed=is_observed)
    route = kind.rule.publish or kind.rule.subscribe
    service = "" if route is None else route.service
    return Place(f"realtime {kind.rule.prefix}", service, is_observed=is_observed)


def _about(channel: str) -> Speaker:
    """Return who stands for those that would have read it."""
    about = f"channel {channel}" if channel else "letters"
    return Speaker(about, subject="", identity="unknown", connection="", correlation="")
