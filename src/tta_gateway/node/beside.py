"""Beside the workers: the companions and the embedded servers of a node, as one.

They begin when the workers serve and end when the workers have ended: nothing waits for them.
"""

import signal
from collections.abc import Callable
from typing import Final

from tta_gateway.node.child import Adopted, Child
from tta_gateway.node.companion import Companion
from tta_gateway.node.embedded import Embedded
from tta_gateway.node.handover import Handover, Kept, kept_child
from tta_gateway.node.probe import Health
from tta_gateway.node.slot import State

_LEAVE_ADMIN: Final = signal.SIGUSR2
"""Tells control that the next gateway wants the address of the administration."""


class Beside:
    """Keeps them, from the supervisor's loop."""

    def __init__(
        self, companions: list[Companion], embedded: Embedded, *, clock: Callable[[], float]
    ) -> None:
        """Start nothing yet."""
        self._companions = companions
        self._embedded = embedded
        self._clock = clock
        self._away: list[str] = []  # stores of the operator that control gets no answer from
        self._said_by: Child | None = None  # which control has said so
        self._begun = False  # whether companions may be started
        self._ending = False

    def begin(self) -> None:
        """Start them: the workers serve."""
        self._begun = True
        self._embedded.begin()

    def start_due(self) -> None:
        """Start who is due; end who hangs."""
        if self._begun or self._ending:
            for one in self._companions:
                one.start_due()
        self._embedded.start_due()

    def patience(self) -> float:
        """Return how long nothing need be done, in seconds."""
        patience = self._embedded.patience()
        if not self._begun:
            return patience
        now = self._clock()
        return min([patience, *(max(0.0, one.due - now) for one in self._companions)])

    def reap(self) -> None:
        """Take note of who has ended."""
        for one in self._companions:
            one.reap()
        self._embedded.reap()

    def let_go(self) -> None:
        """Start nobody any more, and leave the administration to the next gateway."""
        self._begun = False
        for one in self._companions:
            if one.name == "control":
                one.signal(_LEAVE_ADMIN)

    def stop(self) -> None:
        """Ask all of them to end, once: the workers have."""
        if self._ending:
            return
        self._ending = True
        self._embedded.stop()
        for one in self._companions:
            one.stop()

    @property
    def is_over(self) -> bool:
        """Tell whether none is left."""
        return self._embedded.is_over and all(one.is_over for one in self._companions)

    def listeners(self) -> list[Child]:
        """Return who wants newer snapshots: all of them."""
        return [one.child for one in self._companions if one.child]

    def is_control(self, child: Child) -> bool:
        """Tell whether this is the control that there is: it alone finds things out."""
        return any(one.name == "control" and one.child is child for one in self._companions)

    # What operators see

    def health(self) -> Health:
        """Return how they are, by name."""
        companions = {one.name: one.state.value for one in self._companions}
        return {**companions, **self._embedded.health()}

    def missing(self) -> list[str]:
        """Return the names of those that do not serve at the moment."""
        companions = [one.name for one in self._companions if one.state is not State.SERVING]
        is_old = self._said_by is None or not self.is_control(self._said_by)
        then = [f"{one} when control looked last" for one in self._away]
        return companions + self._embedded.missing() + (then if is_old else self._away)

    def hear_away(self, control: Child, away: list[str]) -> None:
        """Take which stores do not answer, as a control has found it."""
        self._away, self._said_by = away, control

    # An upgrade

    def children(self) -> list[Kept]:
        """Return the companions that go on, for who takes over."""
        return [kept_child(one.child, name=one.name) for one in self._companions if one.child]

    def servers(self) -> list[tuple[str, int]]:
        """Return name and process of every embedded server, for who takes over."""
        return self._embedded.everybody()

    def inherit(self, name: str, child: Child) -> None:
        """Take a companion that runs already, and renew it."""
        for one in self._companions:
            if one.name == name:
                one.renew(child)
                return
        child.process.send_signal(signal.SIGTERM)  # nobody here knows what it is for
        child.channel.close()

    def go_on(self, kept: Handover) -> None:
        """Take over the servers of the node that this one was, and start what is missing."""
        for name, pid in kept.embedded:
            self._embedded.inherit(name, Adopted(pid))
        self.begin()
