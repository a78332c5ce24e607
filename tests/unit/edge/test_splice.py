"""Splices: which end a client's bytes go to, and what its end means for the other side."""

import pytest

from tests.helpers.builders import Bound, a_head, a_plan, an_exchange
from tests.helpers.fake_origin import FakeTunnel
from tests.helpers.paper_gateway import PaperGateway, paper_gateways
from tta_gateway.edge.inspected import Inspected
from tta_gateway.edge.splice import Splice, spliced
from tta_gateway.edge.web_socket import WebSocket
from tta_gateway.kernel.exchange import Tunnel


class Service(FakeTunnel):
    """The service's end."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go_of = False

    def let_go(self) -> None:
        self.let_go_of = True

    def splice(self, other: Tunnel) -> None:  # noqa: ARG002 - as the port has it
        raise AssertionError("nobody splices here")


def a_splice(upgrade: bytes, *, looked_into: bool = False) -> tuple[Splice, FakeTunnel, Service]:
    with paper_gateways() as build:
        return spliced_at(build(), upgrade, looked_into=looked_into)


def spliced_at(
    gateway: PaperGateway, upgrade: bytes, *, looked_into: bool
) -> tuple[Splice, FakeTunnel, Service]:
    client, service = FakeTunnel(), Service()
    head = a_head()
    head.upgrade = upgrade
    exchange = an_exchange(head, plan=a_plan())
    if looked_into:
        exchange.plan = a_plan([Looking()])
    made, here = spliced(
        client,
        service,
        exchange=exchange,
        entrance=gateway.entrance,
        legs=None,
        said=lambda: None,
    )
    assert (here is client) is (made.web_socket is None)
    return made, client, service


class Looking(Bound):
    """A policy that looks at messages."""

    on_message = staticmethod(lambda *_: None)


@pytest.mark.parametrize(
    ("upgrade", "looked_into", "between"),
    [
        (b"chat", False, type(None)),
        (b"websocket", False, WebSocket),
        (b"websocket", True, Inspected),
    ],
)
def test_what_knows_where_frames_end_stands_between_web_sockets(
    upgrade: bytes, looked_into: bool, between: type
) -> None:
    made, _, service = a_splice(upgrade, looked_into=looked_into)
    assert type(made.web_socket) is between
    assert (made.other is service) is (upgrade == b"chat")


def test_bytes_of_another_protocol_go_straight_to_the_service() -> None:
    made, _, service = a_splice(b"chat")
    made.other.write(b"hello")
    assert service.written == [b"hello"]


def test_the_service_hears_that_its_client_has_ended_and_may_go_on() -> None:
    made, _, service = a_splice(b"chat")
    assert (made.client_ended(), service.ended) == (True, True)
    made.eof_sent = True
    assert not made.client_ended()


@pytest.mark.parametrize(("ended", "eof_sent"), [(True, False), (False, True), (False, False)])
def test_a_client_that_goes_before_both_have_ended_breaks_it_off(
    ended: bool, eof_sent: bool
) -> None:
    made, _, service = a_splice(b"chat")
    made.ended, made.eof_sent = ended, eof_sent
    made.client_gone()
    assert service.aborted


def test_a_client_that_goes_behind_both_ends_leaves_the_service_what_is_still_to_be_sent() -> None:
    made, _, service = a_splice(b"chat")
    made.ended = made.eof_sent = True
    made.client_gone()
    assert not service.aborted


@pytest.mark.parametrize("in_order", [True, False])
def test_a_web_socket_is_told_how_its_client_went(in_order: bool) -> None:
    made, _, service = a_splice(b"websocket")
    made.ended = made.eof_sent = in_order
    made.client_gone()
    assert (service.aborted, service.let_go_of) == (not in_order, False)
