"""What looks at bodies in a worker: the detector, the crisis lane, the scan of each route.

Made once a worker: what people have had of the lane's budgets, and how much of theirs is kept, must
outlast a reload.
"""

import asyncio
import hmac
import math
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache
from typing import Any, Final

from tta_gateway.edge.entrance import network_of
from tta_gateway.features.safety.accounts import Accounts, Refused, Weigh, as_it_is
from tta_gateway.features.safety.bound import safety_of
from tta_gateway.features.safety.detector import load
from tta_gateway.features.safety.help import Helping
from tta_gateway.features.safety.moderation import Moderation
from tta_gateway.features.safety.moderator import Moderator
from tta_gateway.features.safety.policy import Aside, Scan
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.incident import Report, Reports
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.verdict import Detector
from tta_gateway.node.key_ring import key_for
from tta_gateway.node.moderator_link import ModeratorLink
from tta_gateway.pipeline.lane import Lane
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import Died

_PURPOSE: Final = b"tta-gateway pseudonyms of networks 1"
_LETTERS: Final = 32  # of a pseudonym, 4 bits each
_PAUSE: Final = 10.0  # seconds, after which a key that could not be had is asked for again

Work = Coroutine[Any, Any, None]


@cache
def the_detector() -> Detector:
    """Return the detector of the package, read once a process."""
    return load()


class Nowhere:
    """Reports that nobody keeps: of an explanation, which nobody is helped by."""

    def put(self, report: Report, text: str) -> Awaitable[bool]:  # noqa: ARG002 - the port's
        """Keep nothing."""
        return asyncio.sleep(0, result=False)


class Pseudonyms:
    """What networks are called where nobody knows who asks: nobody finds out which they are."""

    def __init__(self, snapshot: Snapshot, now: Callable[[], float]) -> None:
        """Make them with the newest key at hand, asked for when the first is needed.

        While there is none (OSError; the journal tells of it) they are this worker's alone, and it
        is asked for again after a while.
        """
        self._snapshot = snapshot
        self._now = now
        self._key = secrets.token_bytes(32)
        self._asks_at = -math.inf

    def of(self, address: str) -> str:
        """Return what stands for the network of an address."""
        if self._asks_at < math.inf:
            self._ask(self._now())
        named = network_of(address).encode()
        return f"network/{hmac.new(self._key, named, 'sha256').hexdigest()[:_LETTERS]}"

    def _ask(self, now: float) -> None:
        if now < self._asks_at:
            return
        try:
            self._key = key_for(self._snapshot, _PURPOSE)
            self._asks_at = math.inf
        except OSError:
            self._asks_at = now + _PAUSE


class Scanning:
    """The parts; `policies` has them go by another snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        reports: Reports,
        *,
        clock: Clock,
        registry: Registry,
        spawn: Callable[[Work], object],
        report: Callable[[Exchange, BaseException], None],
    ) -> None:
        """Tell the guard by way of `reports`; `report` hears of faults of ours."""
        draw = Identifiers(clock.wall).uuid7
        self._fresh = lambda: draw().decode()
        self.pseudonym: Final = Pseudonyms(snapshot, clock.monotonic).of
        self.accounts = Accounts(
            reports,
            wall=clock.wall,
            fresh=self._fresh,
            pseudonym=self.pseudonym,
        )
        self._clock = clock
        self._registry = registry
        self._spawn = spawn
        self._report = report
        self.moderator: Final = Moderator(
            ModeratorLink(), clock=clock.monotonic, registry=registry, spawn=spawn
        )
        self._lane: Lane | None = None
        self.weigh: Weigh = as_it_is
        """what is found in a body comes to, with what the person has said before"""

    def moderation(self, died: Died) -> Moderation:
        """Return what answers services that ask what is made of a text."""
        return Moderation(the_detector(), fresh=self._fresh, died=died)

    def policies(self, helps: Helping) -> tuple[Lane, Scan]:
        """Return the policies, giving this help."""
        lane = self._lane
        if lane is None:
            refused = Refused(self.accounts, the_detector().of_person)
            refused.weigh = lambda *said: self.weigh(*said)
            lane = self._lane = Lane(
                verdicts=refused,
                incidents=refused,
                helps=helps,
                scans=is_scanned,
                clock=self._clock.monotonic,
                report=self._report,
            )
            lane.network = network_of
        lane.helps = helps
        scan = Scan(
            the_detector(),
            self.accounts,
            helps,
            aside=Aside(
                spawn=self._spawn,
                later=_later,
                report=self._report,
                now=self._clock.monotonic,
            ),
            registry=self._registry,
        )
        scan.moderate = self.moderator.moderate
        scan.answers.hold = helps.hold
        scan.weigh = self.weigh
        return lane, scan


def is_scanned(route: Route) -> bool:
    """Tell whether what people write on a route is acted upon."""
    return safety_of(route).mode not in {"off", "observe"}


def _later(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(call)
