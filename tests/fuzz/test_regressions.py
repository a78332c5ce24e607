"""What the fuzzing has found, and everything that it begins with, again and again."""

from pathlib import Path

import pytest

from tests.fuzz import seeds
from tests.fuzz.contract import Violation, demand
from tests.fuzz.run import TARGETS, Report, Run, replay


@pytest.mark.parametrize("path", list(seeds.found()), ids=lambda path: path.stem)
def test_what_was_found_is_mended(path: Path) -> None:
    assert replay(path) == 0


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_keeps_the_promises(name: str) -> None:
    target = TARGETS[name]
    assert all(target.check([seed]) is not NotImplemented for seed in target.seeds())


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_keeps_the_promises_byte_by_byte(name: str) -> None:
    target = TARGETS[name]
    short = [seed for seed in target.seeds() if len(seed) < 2000]
    pieces = [[seed[at : at + 1] for at in range(len(seed))] for seed in short]
    assert all(target.check(each) is not NotImplemented for each in pieces)


@pytest.mark.parametrize("name", TARGETS)
def test_the_same_seed_makes_the_same_inputs(name: str) -> None:
    first, second = Report(), Report()
    Run(TARGETS[name], 3, first).go_on(200)
    Run(TARGETS[name], 3, second).go_on(200)
    assert (first.shapes, first.failures) == (second.shapes, [])


def test_a_promise_that_is_broken_is_a_violation() -> None:
    with pytest.raises(Violation, match="two is two: 3"):
        demand(False, "two is two", 3)


def test_a_failure_that_is_written_down_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeds, "FOUND", tmp_path)
    path = seeds.keep("target", [b"\xff", b"\r\n"], "a promise")
    assert seeds.read(path) == ("target", [b"\xff", b"\r\n"])
    assert list(seeds.found()) == [path]
