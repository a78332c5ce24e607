"""What processes get at their start, and while they live."""

import os
import socket

import pytest

from tests.helpers.house import CONTROL, GUARD, WORKER, Events, House
from tta_gateway.support.segment import Segment


def test_every_process_counts_in_another_segment(house: House) -> None:
    house.serving()
    own = [process.given[0] for process in house.of(WORKER, CONTROL, GUARD)]
    assert sorted(own) == ["1", "2", "3", "4"]


def test_every_worker_gets_its_slot_s_sockets(house: House) -> None:
    node = house.serving()
    sockets = [process.given[-1] for process in house.of(WORKER)]
    assert sockets == [str(fd) for fd in node.addresses.listening[0].fds]


def test_control_gets_the_address_of_the_administration_and_its_own(house: House) -> None:
    node = house.serving()
    (control,) = house.of(CONTROL)
    assert node.addresses.admin is not None
    assert control.given[-2:] == [
        str(node.addresses.admin.of(0).fileno()),
        str(node.addresses.public.fileno()),
    ]


def test_a_process_that_cannot_be_started_keeps_no_segment(house: House) -> None:
    node = house.node()
    house.fault = OSError(11, "no more")
    with pytest.raises(OSError, match="no more"):
        node.offspring.worker(0)
    assert node.ledger.segments.take() == 1


def test_a_node_knows_how_often_a_worker_has_shown_that_it_lives(house: House) -> None:
    node = house.serving()
    (child, *_) = node.supervisor.children()
    before = node.beats(child)
    Segment(node.ledger.segments.fd, child.segment).beat()
    assert node.beats(child) == before + 1


def test_a_worker_is_given_the_sockets_of_a_slot_that_has_none(house: House) -> None:
    node = house.serving()
    child, _ = node.supervisor.children()
    process, _ = house.of(WORKER)
    node.offspring.cover(child, 1)
    word, fds, _, _ = socket.recv_fds(process.end, 64, 1)
    for fd in fds:
        os.close(fd)
    assert (word, len(fds)) == (b"cover 1", 1)


def test_a_worker_that_hears_nothing_covers_for_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = house.serving()
    child, _ = node.supervisor.children()
    events = Events()
    monkeypatch.setattr(node.offspring, "_log", events)
    house.of(WORKER)[0].end.close()
    node.offspring.cover(child, 1)
    assert events.told == [("slot_not_covered", {"slot": 1, "error": "Broken pipe"})]
