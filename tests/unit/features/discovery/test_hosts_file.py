"""The hosts file."""

from pathlib import Path

import pytest

from tta_gateway.features.discovery import hosts_file
from tta_gateway.features.discovery.hosts_file import addresses, of_machine

TEXT = """
# 10.0.0.9 players
127.0.0.1 localhost
10.0.0.1\tplayers.local  Players   # 10.0.0.2 chat
10.0.0.2 players
10.0.0.1 players
::1 players
nonsense players

10.0.0.3
"""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("players", ("10.0.0.1", "10.0.0.2", "::1")),
        ("PLAYERS.local.", ("10.0.0.1",)),
        ("chat", ()),
        ("10.0.0.3", ()),
    ],
)
def test_a_name_has_the_addresses_of_its_lines(name: str, found: tuple[str, ...]) -> None:
    assert addresses(name, TEXT) == found


def test_a_machine_without_one_knows_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hosts_file, "HOSTS", tmp_path / "none")
    assert of_machine("players") == ()
    (tmp_path / "none").write_text("10.0.0.7 players\n")
    assert of_machine("players") == ("10.0.0.7",)
