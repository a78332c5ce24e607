"""A WebSocket's tunnel: a Close of ours comes between two frames, once, and to the right sides."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from tta_gateway.edge.web_socket import WebSocket
from tta_gateway.wire.web_socket import GOING_AWAY, RESTARTED, close_frame

HELLO = Frame(Opcode.TEXT, b"hello").serialize(mask=False)
MASKED = Frame(Opcode.TEXT, b"hello").serialize(mask=True)
BYE = close_frame(1000, b"")
MASKED_BYE = close_frame(1000, b"", mask=b"abcd")
GOING = close_frame(GOING_AWAY, b"the gateway is going away: connect again")
GONE = close_frame(RESTARTED, b"the service has gone: connect again")


class End:
    """One side's end, which keeps what it is told."""

    def __init__(self) -> None:
        self.sent = b""
        self.told: list[str] = []

    def write(self, data: bytes) -> None:
        assert self.told.count("eof") == 0
        self.sent += data

    def write_eof(self) -> None:
        self.told.append("eof")

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")

    def abort(self) -> None:
        self.told.append("abort")

    def let_go(self) -> None:
        self.told.append("let go")

    def splice(self, other: object) -> None:  # noqa: ARG002 - as the port has it
        raise AssertionError("nobody splices here")


class Pair:
    """A client and a service with a WebSocket between them."""

    def __init__(self) -> None:
        self.client, self.service = End(), End()
        self.said = 0
        self.socket = WebSocket(self.client, self.service, said=self._said)
        self.from_client, self.from_service = self.socket.to_service, self.socket.to_client

    def _said(self) -> None:
        self.said += 1


@pytest.fixture
def pair() -> Pair:
    return Pair()


def code_at_service(pair: Pair, before: bytes = b"") -> int:
    """The code of the Close that the service reads behind these bytes."""
    assert pair.service.sent.startswith(before)
    server = Protocol(SERVER)
    server.receive_data(pair.service.sent[len(before) :])
    assert server.close_rcvd is not None
    return server.close_rcvd.code


def test_bytes_pass_as_they_are(pair: Pair) -> None:
    pair.from_client.write(MASKED[:3])
    pair.from_client.write(MASKED[3:])
    pair.from_service.write(HELLO * 3)
    assert (pair.service.sent, pair.client.sent, pair.said) == (MASKED, HELLO * 3, 0)


def test_both_sides_are_told_at_once_where_no_frame_is_under_way(pair: Pair) -> None:
    pair.from_service.write(HELLO)
    pair.socket.leave(GOING_AWAY)
    assert (pair.client.sent, code_at_service(pair), pair.said) == (HELLO + GOING, GOING_AWAY, 1)


def test_a_restart_is_told_to_the_client_alone(pair: Pair) -> None:
    pair.socket.leave(RESTARTED)
    assert (pair.client.sent[2:4], code_at_service(pair)) == (b"\x03\xf4", GOING_AWAY)


def test_the_frame_under_way_comes_first(pair: Pair) -> None:
    pair.from_service.write(HELLO[:4])
    pair.socket.leave(GOING_AWAY)
    assert (pair.client.sent, pair.said) == (HELLO[:4], 0)
    pair.from_service.write(HELLO[4:6])
    assert pair.said == 0
    pair.from_service.write(HELLO[6:] + HELLO)
    assert (pair.client.sent, pair.said) == (HELLO + GOING, 1)


def test_the_client_s_frame_under_way_comes_first(pair: Pair) -> None:
    pair.from_client.write(MASKED[:4])
    pair.socket.leave(GOING_AWAY)
    assert (pair.service.sent, pair.client.sent) == (MASKED[:4], GOING)
    pair.from_client.write(MASKED[4:])
    assert code_at_service(pair, MASKED) == GOING_AWAY


@pytest.mark.parametrize("begun", [b"", MASKED[:4]], ids=["between", "within"])
def test_each_side_has_one_close_of_ours(pair: Pair, begun: bytes) -> None:
    """Red without the look at the Close before it in `Lane.close`."""
    pair.from_client.write(begun)
    pair.socket.close(1008, b"the session is over")
    pair.socket.leave(RESTARTED)
    pair.from_client.write(MASKED[len(begun) :] if begun else b"")
    pair.socket.leave(GOING_AWAY)
    assert (pair.client.sent, pair.said) == (close_frame(1008, b"the session is over"), 1)
    before = MASKED if begun else b""
    assert code_at_service(pair, before) == GOING_AWAY
    told = pair.service.sent[len(before) :]
    assert len(told) == len(close_frame(1001, b"the session is over", mask=b"abcd"))


def test_nothing_follows_our_close(pair: Pair) -> None:
    pair.socket.leave(GOING_AWAY)
    told = pair.service.sent
    pair.from_client.write(MASKED)
    pair.from_service.write(HELLO)
    assert (pair.client.sent, pair.service.sent) == (GOING, told)


def test_a_client_that_answers_is_told_that_this_was_all(pair: Pair) -> None:
    pair.socket.leave(GOING_AWAY)
    pair.from_client.write(MASKED_BYE[:3])
    assert pair.client.told == []
    pair.from_client.write(MASKED_BYE[3:])
    pair.from_client.write(b"\x8a\x00")
    assert (pair.client.told, pair.service.told) == (["eof"], [])


def test_a_client_that_answers_behind_its_last_frame_is_heard(pair: Pair) -> None:
    pair.from_client.write(MASKED[:4])
    pair.socket.leave(GOING_AWAY)
    pair.from_client.write(MASKED[4:] + MASKED_BYE)
    assert pair.client.told == ["eof"]


def test_a_service_that_answers_is_told_that_this_was_all(pair: Pair) -> None:
    pair.socket.leave(GOING_AWAY)
    pair.from_service.write(BYE)
    assert (pair.client.told, pair.service.told) == ([], ["eof"])


def test_a_service_that_answers_while_the_client_is_in_the_middle_is_told_later(
    pair: Pair,
) -> None:
    pair.from_client.write(MASKED[:4])
    pair.socket.leave(GOING_AWAY)
    pair.from_service.write(BYE)
    assert pair.service.told == []


@pytest.mark.parametrize("side", ["from_client", "from_service"])
def test_who_has_closed_already_is_left_to_it(pair: Pair, side: str) -> None:
    getattr(pair, side).write(BYE)
    before = pair.client.sent, pair.service.sent
    pair.socket.leave(GOING_AWAY)
    assert (pair.client.sent, pair.service.sent) == before


def test_ends_pass(pair: Pair) -> None:
    pair.from_client.write_eof()
    pair.from_client.write_eof()
    assert (pair.service.told, pair.service.sent, pair.client.told) == (["eof"], b"", [])


def test_a_service_that_ends_without_a_word_is_excused(pair: Pair) -> None:
    pair.from_service.write(HELLO)
    pair.from_service.write_eof()
    pair.from_service.write_eof()
    assert (pair.client.sent, pair.client.told, pair.said) == (HELLO + GONE, ["eof"], 1)


def test_a_service_that_breaks_off_is_excused_and_the_client_s_end_is_in_order(pair: Pair) -> None:
    pair.from_service.abort()
    pair.from_client.write(MASKED_BYE)
    pair.from_client.write_eof()
    assert (pair.client.sent, pair.client.told) == (GONE, ["eof"])
    assert (pair.service.sent, pair.service.told) == (b"", [])


def test_a_service_that_breaks_off_behind_its_close_needs_no_excuse(pair: Pair) -> None:
    pair.from_service.write(BYE)
    pair.from_service.abort()
    assert (pair.client.sent, pair.client.told, pair.said) == (BYE, ["eof"], 1)


def test_a_service_that_ends_behind_its_close_needs_no_excuse(pair: Pair) -> None:
    pair.from_service.write(BYE)
    pair.from_service.write_eof()
    assert (pair.client.sent, pair.client.told) == (BYE, ["eof"])


def test_a_service_that_breaks_off_behind_our_close_breaks_nothing(pair: Pair) -> None:
    pair.socket.leave(GOING_AWAY)
    pair.from_service.abort()
    assert (pair.client.sent, pair.client.told) == (GOING, ["eof"])


def test_a_service_that_breaks_off_in_the_middle_breaks_the_client_off(pair: Pair) -> None:
    pair.from_service.write(HELLO[:4])
    pair.from_service.abort()
    assert (pair.client.sent, pair.client.told) == (HELLO[:4], ["abort"])


def test_a_service_that_ends_in_the_middle_ends_so_for_the_client(pair: Pair) -> None:
    pair.from_service.write(HELLO[:4])
    pair.from_service.write_eof()
    assert (pair.client.sent, pair.client.told, pair.said) == (HELLO[:4], ["eof"], 0)


def test_a_close_that_waited_for_a_frame_is_not_put_in_behind_an_end(pair: Pair) -> None:
    pair.from_client.write(MASKED[:4])
    pair.socket.leave(GOING_AWAY)
    pair.from_client.write_eof()
    pair.socket.to_service.close(GOING)
    assert pair.service.sent == MASKED[:4]


@pytest.mark.parametrize(
    ("in_order", "told"), [(False, ["abort"]), (True, [])], ids=["broken", "in order"]
)
def test_a_client_that_goes_takes_the_service_along(
    pair: Pair, told: list[str], *, in_order: bool
) -> None:
    pair.socket.client_gone(in_order=in_order)
    assert pair.service.told == told


def test_a_service_that_has_been_told_is_left_a_moment(pair: Pair) -> None:
    pair.socket.leave(GOING_AWAY)
    pair.socket.client_gone(in_order=True)
    assert pair.service.told == ["let go"]


def test_each_end_can_be_held_back_and_broken_off(pair: Pair) -> None:
    pair.from_client.pause_reading()
    pair.from_client.resume_reading()
    pair.from_client.abort()
    pair.from_service.pause_reading()
    pair.from_service.resume_reading()
    assert pair.service.told == ["pause", "resume", "abort"]
    assert pair.client.told == ["pause", "resume"]
