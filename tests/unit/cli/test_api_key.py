"""API keys from the command line."""

from pathlib import Path

from tests.helpers.command_line import Administration, Told, run

KEY: Told = {
    "key": "secret",
    "name": "nightly",
    "hint": "tta_ab",
    "roles": ["service"],
    "permissions": [],
    "counts": True,
    "expires": "friday",
    "id": "k1",
}


def test_a_key_that_is_made_is_alone_on_standard_output(
    file: Path, administration: Administration
) -> None:
    administration.says(dict(KEY))
    made = run("apikey", "add", "nightly", "--role", "service", "--days", "2", "-c", str(file))
    assert made.stdout == "secret\n"
    assert "nightly  tta_ab…  service  until friday  k1" in made.stderr
    body = {"name": "nightly", "roles": ("service",), "permissions": (), "lasts": 172_800.0}
    assert administration.asked == [("POST", "/admin/v1/apikeys", body)]


def test_a_successor_overlaps_as_long_as_it_is_said(
    file: Path, administration: Administration
) -> None:
    administration.says(dict(KEY))
    run("apikey", "rotate", "nightly", "--overlap-hours", "1", "--days", "1", "-c", str(file))
    body = {"overlap": 3600.0, "lasts": 86_400.0}
    assert administration.asked == [("POST", "/admin/v1/apikeys/nightly/rotate", body)]


def test_keys_are_shown_without_what_is_secret(file: Path, administration: Administration) -> None:
    administration.says({"keys": [{**KEY, "permissions": ["progress:read"], "counts": False}]})
    shown = run("apikey", "list", "-c", str(file)).output
    assert shown == "nightly  tta_ab…  service: progress:read  over  k1\n"


def test_one_key_is_revoked_or_all(file: Path, administration: Administration) -> None:
    administration.says({"revoked": 1}, {"revoked": 2})
    assert run("apikey", "revoke", "a", "--id", "k1", "-c", str(file)).output == "1 key revoked\n"
    assert run("apikey", "revoke", "a", "-c", str(file)).output == "2 keys revoked\n"
    assert [path for _, path, _ in administration.asked] == [
        "/admin/v1/apikeys/a?id=k1",
        "/admin/v1/apikeys/a",
    ]
