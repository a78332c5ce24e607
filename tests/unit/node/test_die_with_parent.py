"""The shim without its effect; that servers end with their parent is shown in tests/faults."""

import ctypes
import os
import sys

import pytest

from tta_gateway.node import die_with_parent


class Library:
    """libc, as far as it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def prctl(self, option: int, value: int) -> None:
        self.asked.append((option, value))


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    made = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: made)
    return made


def test_it_asks_to_be_killed_and_becomes_the_program(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    become: list[object] = []
    monkeypatch.setattr(sys, "argv", ["shim", str(os.getppid()), "/bin/server", "--port", "0"])
    monkeypatch.setattr(os, "execv", lambda *given: become.extend(given))
    die_with_parent.main()
    assert library.asked == [(1, 9)]
    assert become == ["/bin/server", ["/bin/server", "--port", "0"]]


def test_a_parent_that_has_gone_already_is_the_end(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["shim", "1", "/bin/server"])
    monkeypatch.setattr(os, "getppid", lambda: 2)
    with pytest.raises(SystemExit, match="the parent 1 has ended"):
        die_with_parent.main()
    assert library.asked == [(1, 9)]
