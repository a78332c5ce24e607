"""An answer that is a list."""

from tests.helpers.builders import a_head, an_exchange
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, Response
from tta_gateway.kernel.stream import StreamHearer


class PaperStream:
    """The answer to one request: `told` is what the client has had of it."""

    def __init__(
        self, method: str = "POST", target: str = "/", fields: Fields | None = None
    ) -> None:
        """Take a request."""
        self.exchange: Exchange = an_exchange(a_head(method, target, fields=fields))
        self.response: Response | None = None
        self.hearer: StreamHearer | None = None
        self.told = b""
        self.is_over = False

    def answer(self, response: Response) -> None:
        """Answer whole."""
        assert self.response is None
        self.response, self.is_over = response, True

    def begin(self, response: Response, hearer: StreamHearer) -> None:
        """Begin to answer: the head leaves at once."""
        assert self.response is None
        self.response, self.hearer = response, hearer
        hearer.opened()

    def send(self, data: bytes) -> None:
        """Take a part."""
        assert not self.is_over
        self.told += data

    def end(self) -> None:
        """Take the end; who answers is to be told by `lose`, as of a client that goes."""
        assert not self.is_over
        self.is_over = True

    def lose(self) -> None:
        """Go."""
        self.is_over = True
        assert self.hearer is not None
        self.hearer.closed()

    def take(self) -> bytes:
        """Return what the client has had, and forget it."""
        told, self.told = self.told, b""
        return told

    @property
    def status(self) -> int:
        """What the answer says."""
        assert self.response is not None
        return self.response.status

    @property
    def code(self) -> str:
        """Which error it tells, if any."""
        assert self.response is not None
        return "" if self.response.problem is None else self.response.problem.code
