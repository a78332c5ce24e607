"""Drills: what is said in one is found, and where it is brought is told in words."""

import pytest

from tta_gateway.features.escalation.drill import SAID, Door
from tta_gateway.features.safety.detector import load

DETECTOR = load()


@pytest.mark.parametrize("level", SAID)
def test_the_detector_finds_at_least_the_level_of_what_is_said(level: int) -> None:
    assert DETECTOR.of_person(SAID[level]).level >= level


@pytest.mark.parametrize(
    ("door", "said"),
    [
        (Door(host="127.0.0.1", port=80), "http://127.0.0.1:80"),
        (Door(host="::1", port=443, tls=True), "https://[::1]:443"),
        (Door(unix="/run/a.sock"), "http+unix:/run/a.sock"),
    ],
)
def test_a_door_is_named(door: Door, said: str) -> None:
    assert str(door) == said
