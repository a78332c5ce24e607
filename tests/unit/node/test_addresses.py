"""The addresses of a node: unix sockets in a folder of the test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tta_gateway.node.addresses import Addresses, fds_of
from tta_gateway.node.handover import Handover
from tta_gateway.node.near import connected
from tta_gateway.snapshot.model import Listener, Snapshot


def snapshot(folder: Path, *, beside: bool = True) -> Snapshot:
    """Two addresses for clients, and those of operators if they are there."""

    def at(name: str) -> Listener:
        return Listener(host="", port=0, unix=str(folder / name))

    return Snapshot(
        version=1,
        state_dir=str(folder),
        admin=at("admin") if beside else None,
        probe=at("probe") if beside else None,
        listeners=(at("first"), at("second")),
        services=(),
        routes=(),
    )


def end(addresses: Addresses) -> None:
    addresses.close()
    addresses.commands.close()
    if addresses.probe is not None:
        addresses.probe.close()


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[Addresses]:
    made = Addresses(snapshot(tmp_path), 2)
    yield made
    end(made)


def test_a_person_is_told_every_address_that_is_for_people(
    addresses: Addresses, tmp_path: Path
) -> None:
    assert addresses.lines() == [
        f"{word}: unix:{tmp_path / name}\n"
        for word, name in (
            ("ready", "first"),
            ("ready", "second"),
            ("admin", "admin"),
            ("probe", "probe"),
        )
    ]


def test_nobody_is_told_of_addresses_that_are_not_there(tmp_path: Path) -> None:
    few = Addresses(snapshot(tmp_path, beside=False), 2)
    said = few.lines()
    end(few)
    assert [line.partition(":")[0] for line in said] == ["ready", "ready"]
    assert fds_of(few.admin) == []


def test_a_slot_has_a_socket_of_every_listener(addresses: Addresses) -> None:
    numbers = [sock.fileno() for sock in addresses.of(1)]
    assert numbers == [one.of(1).fileno() for one in addresses.listening]


def test_who_closes_still_answers_where_others_do(addresses: Addresses, tmp_path: Path) -> None:
    addresses.close()
    for name in ("first", "second", "admin"):
        assert not (tmp_path / name).exists()
    with pytest.raises(ConnectionRefusedError):
        connected(tmp_path / "control.sock", 5.0)
    for name in ("probe", "supervisor.sock"):
        connected(tmp_path / name, 5.0).close()


def test_what_is_kept_is_gone_on_with(addresses: Addresses, tmp_path: Path) -> None:
    kept = Handover(
        snapshot=b"",
        slots=2,
        listeners=[[os.dup(fd) for fd in one.fds] for one in addresses.listening],
        probe=[os.dup(fd) for fd in fds_of(addresses.probe)],
        admin=[os.dup(fd) for fd in fds_of(addresses.admin)],
        public=os.dup(addresses.public.fileno()),
        commands=os.dup(addresses.commands.fileno()),
        lock=-1,
        segments=-1,
        segment=0,
        logs=[],
        children=[],
        generation=1,
    )
    again = Addresses(snapshot(tmp_path), 2, kept)
    found = [sock.fileno() for sock in (*again.of(0), again.public, again.commands)]
    assert found == [*(fds[0] for fds in kept.listeners), kept.public, kept.commands]
    assert (fds_of(again.probe), fds_of(again.admin)) == (kept.probe, kept.admin)
    end(again)


@pytest.mark.usefixtures("addresses")
def test_an_address_that_somebody_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use") as caught:
        Addresses(snapshot(tmp_path), 2)
    assert caught.value.filename == str(tmp_path / "first")
