"""Clients of OAuth from the command line."""

import json
from pathlib import Path

import pytest

from tests.helpers.command_line import Administration, Told, run

CLIENT: Told = {
    "id": "c1",
    "name": "app",
    "kind": "public",
    "state": "active",
    "grants": ["authorization_code"],
    "redirect_uris": [],
    "scopes": [],
    "roles": [],
    "keys": [],
    "secrets": [{"id": "s1"}],
}


def test_a_client_is_made_with_its_keys_and_shown(
    file: Path, tmp_path: Path, administration: Administration
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": []}))
    administration.says({**CLIENT, "secret": "hidden"})
    words = ("client", "add", "app", "--redirect", "https://a.test/", "--jwks", str(keys))
    assert run(*words, "-c", str(file)).output.splitlines() == [
        "c1  app  public  active  grants: authorization_code  secrets: s1",
        "secret, shown this once: hidden",
    ]
    (_, path, body) = administration.asked[0]
    assert path == "/admin/v1/clients"
    assert body == {
        "name": "app",
        "kind": "confidential",
        "redirect_uris": ("https://a.test/",),
        "grants": (),
        "scopes": (),
        "roles": (),
        "jwks": {"keys": []},
    }


def test_keys_that_are_no_json_are_not_sent(
    file: Path, tmp_path: Path, administration: Administration
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text("no")
    result = run("client", "add", "app", "--jwks", str(keys), "-c", str(file))
    assert (result.exit_code, "is no JSON" in result.stderr) == (2, True)
    assert administration.asked == []


@pytest.mark.parametrize(
    ("words", "method", "path"),
    [
        (("secret", "c1"), "POST", "/c1/secrets"),
        (("secret", "c1", "--withdraw", "s1"), "DELETE", "/c1/secrets/s1"),
        (("disable", "c1"), "POST", "/c1/disable"),
        (("enable", "c1"), "POST", "/c1/enable"),
        (("remove", "c1"), "DELETE", "/c1"),
    ],
)
def test_a_client_is_looked_after(
    file: Path, administration: Administration, words: tuple[str, ...], method: str, path: str
) -> None:
    administration.says({**CLIENT, "secrets": []})
    assert run("client", *words, "-c", str(file)).exit_code == 0
    assert administration.asked == [(method, f"/admin/v1/clients{path}", None)]


def test_every_client_is_a_line(file: Path, administration: Administration) -> None:
    administration.says({"clients": [{**CLIENT, "secrets": []}, {**CLIENT, "secrets": []}]})
    assert len(run("client", "list", "-c", str(file)).output.splitlines()) == 2
