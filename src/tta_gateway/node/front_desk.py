"""The front desk: where operators are answered, the probe and the commands as one."""

import selectors
from collections.abc import Callable

from tta_gateway.node.addresses import Addresses
from tta_gateway.node.commands import Commands
from tta_gateway.node.operators import Operators
from tta_gateway.node.probe import Probe


class FrontDesk:
    """Answers from the supervisor's loop."""

    def __init__(
        self,
        addresses: Addresses,
        selector: selectors.BaseSelector,
        *,
        clock: Callable[[], float],
        operators: Operators,
    ) -> None:
        """Answer at the addresses that there are for it."""
        self._probe: Probe | None = None
        if addresses.probe is not None:
            self._probe = Probe(addresses.probe, selector, clock=clock, health=operators.health)
        table = operators.table()
        self._commands = Commands(addresses.commands, selector, clock=clock, table=table)

    def tick(self) -> None:
        """Cut off who is late."""
        self._commands.tick()
        if self._probe is not None:
            self._probe.tick()

    def close(self) -> None:
        """Answer no more."""
        if self._probe is not None:
            self._probe.close()
        self._commands.close()
