"""Signals that this process sends itself."""

import fcntl
import os
import selectors
import signal
import threading
from collections.abc import Iterator

import pytest

from tta_gateway.node.signals import Signals, without_signals

TAKEN = (signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def signals() -> Iterator[Signals]:
    before = [signal.getsignal(number) for number in TAKEN]
    made = Signals(TAKEN)
    yield made
    os.close(signal.set_wakeup_fd(-1))
    os.close(made.fd)
    for number, handler in zip(TAKEN, before, strict=True):
        signal.signal(number, handler)


def test_signals_that_have_come_are_told_once_each(signals: Signals) -> None:
    for _ in range(3):
        signal.raise_signal(signal.SIGUSR2)
    signal.raise_signal(signal.SIGUSR1)
    assert signals.come() == bytes([signal.SIGUSR1, signal.SIGUSR2])


def test_what_was_told_is_not_told_again(signals: Signals) -> None:
    signal.raise_signal(signal.SIGUSR2)
    signals.come()
    signal.raise_signal(signal.SIGUSR1)
    assert signals.come() == bytes([signal.SIGUSR1])


def test_a_selector_wakes_for_them_and_for_nothing_else(signals: Signals) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(signals.fd, selectors.EVENT_READ)
        woken = [len(selector.select(0))]
        signal.raise_signal(signal.SIGUSR2)
        woken.append(len(selector.select(0)))
        signals.come()
        woken.append(len(selector.select(0)))
    assert woken == [0, 1, 0]


def test_more_than_there_is_room_for_are_no_harm(signals: Signals) -> None:
    room = fcntl.fcntl(signals.fd, fcntl.F_SETPIPE_SZ, 4096)
    for _ in range(room + 100):
        signal.raise_signal(signal.SIGUSR2)
    assert signals.come() == bytes([signal.SIGUSR2])


def test_no_child_gets_the_descriptor(signals: Signals) -> None:
    assert not os.get_inheritable(signals.fd)


def test_where_none_has_come_there_is_nothing_to_tell(signals: Signals) -> None:
    assert signals.come() == b""


def test_a_thread_that_is_started_without_signals_never_takes_any() -> None:
    masks: list[set[int]] = []

    def look() -> None:
        masks.append({*signal.pthread_sigmask(signal.SIG_BLOCK, ())})

    with without_signals():
        thread = threading.Thread(target=look)
        thread.start()
    thread.join()
    assert signal.SIGTERM in masks[0]
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
