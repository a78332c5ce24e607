"""Messages as policies see them, and the socket that they go through, on paper."""

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.said import Said


class Socket:
    """Keeps what the gateway itself says."""

    def __init__(self) -> None:
        self.told: list[tuple[bytes, bool]] = []
        self.closed: list[tuple[int, bytes]] = []
        self.helps = 0
        self.informed: list[bytes] = []
        self.has_service = True

    def tell(self, data: bytes, *, is_text: bool, is_help: bool = False) -> None:
        self.helps += is_help
        self.told.append((data, is_text))

    def inform(self, data: bytes) -> bool:
        if self.has_service:
            self.informed.append(data)
        return self.has_service

    def close(self, code: int, reason: bytes) -> None:
        self.closed.append((code, reason))


class Words:
    """Says what it is asked to say, and nothing else."""

    def refused(self, exchange: Exchange, said: Said, response: Response) -> bytes:  # noqa: ARG002
        return b"refused %d: %b" % (response.status, said.data)

    def event(self, exchange: Exchange, name: str, members: dict[str, object]) -> bytes:  # noqa: ARG002
        return f"{name} {members}".encode()

    def says(
        self,
        exchange: Exchange,  # noqa: ARG002 - a port
        content: dict[str, object],
        metadata: dict[str, object],  # noqa: ARG002 - a port
    ) -> bytes:
        return f"says {content['text']}".encode()

    def heard(self, exchange: Exchange, data: bytes, *, by_service: bool) -> bytes:  # noqa: ARG002
        return b"%b: %b" % (b"service" if by_service else b"other", data)


def a_saying(
    data: bytes = b"hello",
    *,
    is_text: bool = True,
    by_service: bool = False,
    talk: Socket | None = None,
) -> Said:
    """Return a message on its way."""
    return Said(data, is_text=is_text, by_service=by_service, talk=talk or Socket())
