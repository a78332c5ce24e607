"""Signing keys from the command line."""

from pathlib import Path

from tests.helpers.command_line import Administration, Told, run

KEY: Told = {
    "id": "k1",
    "algorithm": "EdDSA",
    "signs_from": "monday",
    "proves_until": None,
    "signs": True,
}


def test_every_key_is_a_line(file: Path, administration: Administration) -> None:
    administration.says(
        {"keys": [KEY, {**KEY, "id": "k0", "proves_until": "friday", "signs": False}]}
    )
    assert run("keys", "list", "-c", str(file)).output.splitlines() == [
        "k1  EdDSA  from monday  until replaced  signs",
        "k0  EdDSA  from monday  until friday",
    ]
    assert administration.asked == [("GET", "/admin/v1/keys", None)]


def test_keys_are_rotated_as_it_is_said(file: Path, administration: Administration) -> None:
    administration.says({"keys": [KEY]}, {"keys": [KEY]})
    run("keys", "rotate", "-c", str(file))
    run("keys", "rotate", "--now", "-c", str(file))
    assert administration.asked == [
        ("POST", "/admin/v1/keys/rotate", {"now": False}),
        ("POST", "/admin/v1/keys/rotate", {"now": True}),
    ]
