"""Services that are asked about what clients want, as a test has them answer."""

from collections.abc import Awaitable, Callable

from tta_gateway.features.realtime.bound import Question
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields
from tta_gateway.node.hub_services import Asked
from tta_gateway.node.service_questions import Told


class AskedServices:
    """Answers what it is told to, one after the other; the last for ever."""

    def __init__(self) -> None:
        self.says: list[Told] = [Told(200, b'{"result":{}}')]
        self.asked: list[tuple[str, bytes, Fields]] = []
        """by path, body and further fields"""
        self.about: list[Exchange] = []
        self.before: Callable[[], Awaitable[None]] | None = None
        """what happens while it thinks"""

    def of(self, asked: Question) -> Asked:
        return Answering(self, asked)

    def answer(self, body: bytes) -> None:
        """Answer this from now on."""
        self.says = [Told(200, body)]


class Answering:
    """One of them."""

    def __init__(self, services: AskedServices, asked: Question) -> None:
        self.asked = asked
        self.service = asked.route.service
        self._services = services

    async def ask(self, about: Exchange, body: bytes, fields: Fields) -> Told:
        services = self._services
        services.asked.append((self.asked.route.path, body, fields))
        services.about.append(about)
        if services.before is not None:
            await services.before()
        return services.says.pop(0) if len(services.says) > 1 else services.says[0]


__all__ = ["AskedServices", "Told"]
