"""Users from the command line."""

from pathlib import Path

from tests.helpers.command_line import Administration, Told, run


def test_roles_that_are_to_change_have_to_be_named(file: Path) -> None:
    result = run("user", "role", "ada", "-c", str(file))
    assert (result.exit_code, "--grant or --revoke" in result.stderr) == (2, True)


USER: Told = {"username": "ada", "state": "active", "roles": ["player"], "id": "u1"}


def test_users_are_shown_page_by_page(file: Path, administration: Administration) -> None:
    other = {**USER, "username": "bob", "login": "b@a.test", "roles": []}
    administration.says({"users": [USER], "next": "ada"}, {"users": [other], "next": ""})
    assert run("user", "list", "-c", str(file)).output.splitlines() == [
        "ada  active  player  u1",
        "bob (b@a.test)  active  no roles  u1",
    ]
    assert [path for _, path, _ in administration.asked] == [
        "/admin/v1/users?after=",
        "/admin/v1/users?after=ada",
    ]


def test_second_factors_are_shown_or_taken_away(file: Path, administration: Administration) -> None:
    one = {"kind": "totp", "label": "phone", "created": "monday", "used": "", "id": "f1"}
    administration.says({"factors": [one], "recovery_codes_left": 1}, {"factors": 2})
    shown = run("user", "factors", "ada", "-c", str(file)).output
    assert shown == "totp  phone  since monday, not used yet  f1\n1 recovery code left\n"
    gone = run("user", "factors", "ada", "--remove", "-c", str(file)).output
    assert gone == "2 second factors taken away, all sessions ended\n"
    assert [method for method, _, _ in administration.asked] == ["GET", "DELETE"]
