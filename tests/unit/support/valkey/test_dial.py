"""Opening a connection and being let in, with the test as the server."""

import asyncio
import ssl
from collections.abc import Iterator

import pytest

from tests.helpers.fake_loop import FakeLoop, Never
from tests.helpers.valkey_talk import commands
from tta_gateway.support.valkey.connection import Connection, Pending, Reply
from tta_gateway.support.valkey.dial import PATIENCE, dial, tls_of, why
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.topology import Address, Login

ADDRESS = Address("valkey.local", 6379)


class Owner:
    """Whose connection it is."""

    def refused(self, pending: Pending, error: Refused) -> bool:  # noqa: ARG002 - of the port
        return False

    def pushed(self, push: list[Reply]) -> None:
        raise AssertionError(push)

    def lost(self, connection: Connection, reason: str) -> None:
        pass


class Dialling:
    """A connection that is being opened."""

    def __init__(self, loop: FakeLoop, login: Login, *, address: Address, role: str) -> None:
        self.loop = loop
        work = dial(address, login, tls=None, owner=Owner(), name="me", role=role)
        self.task = loop.create_task(work)
        loop.run_ready()

    def says(self, *answers: bytes) -> list[list[bytes]]:
        """Answer one question after the other; return the questions."""
        transport = self.loop.opened[-1]
        for answer in answers:
            self.loop.run_ready()
            transport.feed(answer)
        self.loop.run_ready()
        return commands(transport.sent)

    @property
    def error(self) -> str:
        assert self.loop.opened == [] or self.loop.opened[-1].aborted
        return why(self._error())

    def _error(self) -> Exception:
        error = self.task.exception()
        assert isinstance(error, (Unavailable, Refused))
        return error


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    with FakeLoop() as loop:
        yield loop


def dialling(
    loop: FakeLoop,
    *,
    login: Login | None = None,
    address: Address = ADDRESS,
    role: str = "master",
) -> Dialling:
    return Dialling(loop, login or Login(), address=address, role=role)


def test_a_server_that_greets_and_has_its_data_is_open(loop: FakeLoop) -> None:
    one = dialling(loop)
    sent = one.says(b"%1\r\n+role\r\n+master\r\n", b"+PONG\r\n")
    assert sent == [[b"HELLO", b"3", b"SETNAME", b"me"], [b"PING"]]
    assert not one.task.result().has_ended
    assert loop.asked == [("valkey.local", 6379)]


def test_a_login_is_given_with_the_greeting(loop: FakeLoop) -> None:
    login = Login(user="ann", password="secret", database=3)
    one = dialling(loop, login=login)
    sent = one.says(b"%1\r\n+role\r\n+master\r\n", b"+OK\r\n", b"+PONG\r\n")
    assert sent[0] == [b"HELLO", b"3", b"AUTH", b"ann", b"secret", b"SETNAME", b"me"]
    assert sent[1:] == [[b"SELECT", b"3"], [b"PING"]]
    assert one.task.done()


def test_a_password_alone_is_the_default_users(loop: FakeLoop) -> None:
    one = dialling(loop, login=Login(password="secret"))
    assert one.says()[0][2:5] == [b"AUTH", b"default", b"secret"]
    one.task.cancel()
    loop.run_ready()
    assert loop.opened[-1].aborted


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ((b"-WRONGPASS invalid username-password pair\r\n",), "it refuses: WRONGPASS"),
        ((b"-ERR unknown command `HELLO`, with args: 3, secret\r\n",), "it refuses: ERR"),
        (
            (b"%1\r\n+role\r\n+replica\r\n",),
            "it is a replica, and a master is wanted",
        ),
        ((b"%0\r\n", b"-LOADING reading\r\n"), "it refuses: LOADING"),
    ],
)
def test_a_server_that_is_not_what_is_wanted_is_left_with_a_reason(
    loop: FakeLoop, answers: tuple[bytes, ...], reason: str
) -> None:
    one = dialling(loop)
    one.says(*answers)
    assert one.error == reason


def test_any_role_will_do_where_none_is_wanted(loop: FakeLoop) -> None:
    one = dialling(loop, role="")
    one.says(b"%1\r\n+role\r\n+replica\r\n", b"+PONG\r\n")
    assert not one.task.result().has_ended


@pytest.mark.parametrize("answered", [False, True])
def test_a_server_that_does_not_answer_is_left(loop: FakeLoop, answered: bool) -> None:
    if not answered:
        loop.answers.append(Never())
    one = dialling(loop)
    loop.advance(PATIENCE + 0.1)
    assert one.error in ("it does not answer within 2 s", "no answer before the deadline")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (OSError("every address failed"), "every address failed"),
        (OSError(), "OSError"),
    ],
)
def test_what_the_system_says_is_the_reason(loop: FakeLoop, error: OSError, reason: str) -> None:
    loop.answers.append(error)
    assert dialling(loop).error == reason


def test_a_unix_socket_is_reached_by_its_path(loop: FakeLoop) -> None:
    dialling(loop, address=Address(unix="/run/v.sock")).task.cancel()
    loop.run_ready()
    assert loop.asked == [("/run/v.sock",)]


def test_a_path_that_is_too_long_is_reached_through_its_folder(
    loop: FakeLoop, tmp_path: "object"
) -> None:
    path = f"{tmp_path}/{'./' * 60}v.sock"
    dialling(loop, address=Address(unix=path)).task.cancel()
    loop.run_ready()
    ((near,),) = loop.asked
    assert str(near).startswith("/proc/self/fd/")
    assert str(near).endswith("/v.sock")


def test_tls_is_asked_for_by_the_login() -> None:
    context = tls_of(Login(tls=True))
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert tls_of(Login()) is None


def test_no_file_is_read_for_it() -> None:
    context = tls_of(Login(tls=True, ca="/nowhere.pem"))
    assert context is not None
    assert context.get_ca_certs() == []


def test_authorities_that_are_none_are_an_error() -> None:
    with pytest.raises(ssl.SSLError):
        tls_of(Login(tls=True, authorities=b"none"))


def test_a_certificate_that_does_not_verify_is_the_reason(loop: FakeLoop) -> None:
    loop.answers.append(ssl.SSLCertVerificationError(1, "certificate verify failed"))
    assert dialling(loop).error == "certificate verify failed"


def test_a_task_that_is_cancelled_stays_so(loop: FakeLoop) -> None:
    one = dialling(loop)
    one.task.cancel()
    loop.run_ready()
    with pytest.raises(asyncio.CancelledError):
        one.task.result()
