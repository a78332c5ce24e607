"""A tether with sides that are lists: what each side of it has been told."""

from collections.abc import Callable

import msgspec

from tta_gateway.features.tether.algorithm import State
from tta_gateway.features.tether.backlog import Bounds
from tta_gateway.features.tether.parcel import Contents
from tta_gateway.features.tether.session import Leg, Terms, Tether
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.said import Hearing


class Side:
    """One socket, of a client or of a service."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self.heard: list[bytes] = []
        self.hearings: list[Hearing | None] = []
        self.relayed: list[bytes] = []
        self.pings: list[bytes] = []
        self.ended: tuple[int, bytes] | None = None
        self.finished: tuple[int, bytes] | None = None
        self.is_read = True
        self.on_send: Callable[[], None] = lambda: None
        self.on_relay: Callable[[], None] = lambda: None

    def send(self, payload: bytes, *, is_text: bool, hearing: Hearing | None = None) -> None:
        """Keep a message."""
        self.hearings.append(hearing)
        assert is_text
        assert self.ended is None
        self.heard.append(payload)
        self.on_send()

    def relay(self, payload: bytes) -> None:
        """Keep what others have said."""
        assert self.ended is None
        self.relayed.append(payload)
        self.on_relay()

    def ping(self, payload: bytes = b"") -> None:
        """Keep a Ping."""
        self.pings.append(payload)

    def close(self, code: int, reason: bytes) -> None:
        """Keep the end, which comes once."""
        assert self.ended is None
        self.ended = (code, reason)

    def finish(self, code: int, reason: bytes) -> None:
        """Keep that it is to end."""
        assert self.ended is None
        self.finished = (code, reason)

    def pause(self) -> None:
        """Note that it is not read."""
        self.is_read = False

    def resume(self) -> None:
        """Note that it is read again."""
        self.is_read = True


class Means:
    """What the tether reaches: legs that the test opens, and events."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.legs: list[Side] = []
        self.told: list[tuple[str, dict[str, object]]] = []
        self.times_over = self.times_parted = 0
        self.hearing: Hearing | None = None
        self.listened: list[bytes] = []
        self.helped: list[bytes] = []
        self.goes_before = b""
        self.fates: list[Fate] = []

    def reach(self, tether: Tether) -> Leg:  # noqa: ARG002 - a port
        """Make a leg, which is not open yet."""
        self.legs.append(Side())
        return self.legs[-1]

    def tell(self, tether: Tether, status: str, more: dict[str, object]) -> None:  # noqa: ARG002 - likewise
        """Keep an event."""
        self.told.append((status, more))

    def hear(self, payload: bytes, *, is_text: bool, is_helped: bool = False) -> Hearing | None:
        """Listen, where the test wants that."""
        assert is_text
        self.listened.append(payload)
        if is_helped:
            self.helped.append(payload)
        return self.hearing

    def farewell(self, fate: Fate) -> bytes:
        """Return what the test wants."""
        self.fates.append(fate)
        return self.goes_before

    def parted(self, tether: Tether) -> None:  # noqa: ARG002 - likewise
        """Count the partings."""
        self.times_parted += 1

    def over(self, tether: Tether) -> None:  # noqa: ARG002 - likewise
        """Count the ends."""
        self.times_over += 1

    def chance(self) -> float:
        """Return no chance."""
        return 0.0


class Held:
    """A tether, its means and its client, at a time that the test sets."""

    def __init__(self, *, messages: int = 10, size: int = 10_000, opens: bool = True) -> None:
        """Begin, with a service unless it is not to come yet."""
        self.now = 0.0
        self.means = Means()
        self.client = Side()
        bounds = Bounds(messages=messages, size=size)
        self.terms = Terms(resume=60.0, reattach=20.0, bounds=bounds)
        self.tether = Tether(self.means, self.terms, token="t", client=self.client, now=0.0)
        if opens:
            self.came()

    @property
    def leg(self) -> Side:
        """The leg that was made last."""
        return self.means.legs[-1]

    def is_in(self, state: State) -> bool:
        """Tell whether this is its state."""
        return self.tether.state is state

    @property
    def statuses(self) -> list[str]:
        """What the client was told."""
        return [status for status, _ in self.means.told]

    def came(self) -> None:
        """Have the last leg be open."""
        self.tether.service_came(self.leg, self.now)

    def went(self, code: int = 1006) -> None:
        """Have the service go."""
        self.tether.service_went(self.leg, code, b"why", self.now)

    def client_says(self, *texts: bytes) -> None:
        """Have the client say this."""
        for text in texts:
            self.tether.client_said(text, is_text=True, now=self.now)

    def service_says(self, *texts: bytes) -> None:
        """Have the service say this."""
        for text in texts:
            self.tether.service_said(text, is_text=True, now=self.now)

    def client_goes(self, code: int = 1006) -> None:
        """Have the client go."""
        self.tether.client_went(code, self.now)

    def client_comes(self, received: int = -1) -> Side:
        """Have the client come back, by another socket."""
        self.client = Side()
        self.tether.client_came(self.client, received=received, now=self.now)
        return self.client

    def moves(self, *last: bytes) -> None:
        """Have it go on at another worker, and wait there; a service that is there says `last`."""
        self.means.times_parted = 0
        self.tether.part(1001, b"elsewhere", self.now)
        if not self.means.times_parted:
            self.service_says(*last)
            self.went(1012)
        contents = msgspec.msgpack.decode(
            msgspec.msgpack.encode(self.tether.packed()), type=Contents
        )
        self.tether = Tether(self.means, self.terms, token="t", client=None, now=self.now)
        self.tether.unpack(contents)

    def tick(self, seconds: float) -> None:
        """Let time pass, and do what is due."""
        self.now += seconds
        self.tether.tick(self.now)


class PaperLine:
    """An end of a line between two workers; `other` is the other end."""

    def __init__(self) -> None:
        """Begin without the other end."""
        self.hear: Callable[[int, int, bytes], None] = lambda _, __, ___: None
        self.lost: Callable[[], None] = lambda: None
        self.full: Callable[[bool], None] = lambda _: None
        self.other = self
        self.sent: list[int] = []
        self.is_read = True
        self.is_over = False

    def send(self, kind: int, number: int = 0, payload: bytes = b"") -> None:
        """Have the other end hear it."""
        self.sent.append(kind)
        if not self.other.is_over:
            self.other.hear(kind, number, payload)

    def pause(self) -> None:
        """Note that it is not read."""
        self.is_read = False

    def resume(self) -> None:
        """Note that it is read again."""
        self.is_read = True

    def end(self) -> None:
        """End it; the other end hears of it."""
        if not self.is_over:
            self.is_over = True
            if not self.other.is_over:
                self.other.lost()


def a_line() -> tuple[PaperLine, PaperLine]:
    """Both ends of one."""
    one, other = PaperLine(), PaperLine()
    one.other, other.other = other, one
    return one, other
