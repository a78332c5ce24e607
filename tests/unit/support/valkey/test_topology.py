"""Who serves what."""

import pytest

from tta_gateway.support.valkey.topology import Address, Login, Range, Store, Topology, single

A, B = Address("a", 1), Address("::1", 2)


def test_one_server_has_every_slot() -> None:
    assert single(A).ranges == (Range(0, 16383, A),)


def test_each_address_is_named_once_in_the_order_of_slots() -> None:
    topology = Topology((Range(0, 1, B), Range(2, 3, A), Range(4, 5, B)))
    assert topology.addresses == (B, A)


@pytest.mark.parametrize(
    ("store", "topology"),
    [
        (Store(addresses=(A,)), single(A)),
        (Store(kind="sentinel", addresses=(A, B), master="tta"), None),
        (Store(kind="cluster", addresses=(A, B)), None),
    ],
)
def test_only_one_server_is_known_without_asking(store: Store, topology: Topology | None) -> None:
    assert store.topology == topology


@pytest.mark.parametrize(
    ("address", "text"), [(A, "a:1"), (B, "[::1]:2"), (Address(unix="/s"), "unix:/s")]
)
def test_addresses_read_as_operators_write_them(address: Address, text: str) -> None:
    assert str(address) == text


def test_a_login_shows_no_password() -> None:
    store = Store(addresses=(A,), login=Login(user="ann", password="secret"))
    assert "secret" not in repr(store)
    assert "ann" in repr(store)
