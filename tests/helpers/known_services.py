"""Services as control knows them, and what is told of them, without a supervisor."""

from typing import Any, cast

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.events import EndpointChanged, EndpointSeen, Event
from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.kernel.standing import Instance, Stand, Standing, State
from tta_gateway.node.remembered import PREFIX, Remembered
from tta_gateway.node.services import Services
from tta_gateway.support.bus import Bus

ONE, OTHER, THIRD = (an_endpoint(port) for port in (9001, 9002, 9003))
PLAYERS = Service(name="players", endpoints=(ONE, OTHER))


class House:
    """Services, and what is told of them."""

    def __init__(
        self,
        *,
        checked: bool = False,
        live: dict[str, Standing] | None = None,
        found: dict[str, Remembered] | None = None,
        service: Service = PLAYERS,
    ) -> None:
        self.clock = FakeClock()
        self.bus = Bus()
        self.events: list[Event] = []
        self.bus.subscribe(self.events.append)
        self.told: dict[str, Standing | None] = {}
        self.remembered: dict[str, Remembered | None] = {}
        self.redeclared = 0
        self.services = Services(cast("Any", self), self.bus, wall=self.clock.wall)
        self.services.recover(live or {}, found or {})
        self.services.redeclared = self.note
        self.services.adopt([service], checked=lambda _: checked)
        self.events.clear()

    def note(self) -> None:
        self.redeclared += 1

    def put(self, name: str, finding: Standing | Remembered | None) -> None:
        if name.startswith(PREFIX):
            assert not isinstance(finding, Standing)
            self.remembered[name.removeprefix(PREFIX)] = finding
        else:
            assert not isinstance(finding, Remembered)
            self.told[name] = finding

    def next(self, *, checked: bool = False, service: Service = PLAYERS) -> "House":
        """What a control after this one begins with."""
        live = {name.partition("/")[2]: one for name, one in self.told.items() if one}
        found = {name: one for name, one in self.remembered.items() if one}
        return House(checked=checked, live=live, found=found, service=service)

    def states(self) -> dict[int, State] | None:
        """How each endpoint is, by its port; None: workers ask those of the configuration."""
        standing = self.told["service/players"]
        if standing is None:
            return None
        return {one.endpoint.port: one.state for one in standing.endpoints}

    def stand(self, port: int) -> Stand:
        standing = self.told["service/players"]
        assert standing is not None
        (found,) = (one for one in standing.endpoints if one.endpoint.port == port)
        return found

    def stand_or_none(self, port: int) -> Stand | None:
        """How workers are told that it is, if they are told anything."""
        return None if self.told.get("service/players") is None else self.stand(port)

    def changes(self) -> list[tuple[str, str, str]]:
        return [
            (one.endpoint.rpartition(":")[2], one.change, one.cause)
            for one in self.events
            if isinstance(one, EndpointChanged)
        ]

    def found(self, *ports: int, draining: bool = False) -> None:
        instances = tuple(
            Instance(id=str(port), endpoint=an_endpoint(port), draining=draining) for port in ports
        )
        self.services.found("players", "registry", instances)


def seen(
    house: House,
    endpoint: Endpoint = ONE,
    *,
    by: str = "worker 7",
    turn: int = 0,
    asked: int = 0,
    failed: int = 0,
    penalised: bool = False,
    weight: float = 1.0,
    ratio: float = 1.0,
) -> None:
    """Let a worker tell how it sees an endpoint now."""
    house.bus.publish(
        EndpointSeen(
            service="players",
            endpoint=endpoint.name,
            weight=weight,
            ratio=ratio,
            in_flight=0,
            open=1,
            at=house.clock.wall(),
            by=by,
            penalised=penalised,
            turn=turn,
            asked=asked,
            failed=failed,
        )
    )
