"""`tta-gateway user`: the gateway's own users."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_gateway.cli.configured import FILE, counted
from tta_gateway.cli.running import administered

if TYPE_CHECKING:
    from typing import Any

_NAME = click.argument("name")
_STDIN = click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")


@click.group()
def user() -> None:
    """Look after the gateway's own users."""


@user.command("add")
@FILE
@_NAME
@click.option("--role", "roles", multiple=True, help="A role; `player` if none is said.")
@_STDIN
def add_user(*, file: Path, name: str, roles: tuple[str, ...], password_stdin: bool) -> None:
    """Make a user."""
    body = {"username": name, "password": _password(password_stdin)}
    told = administered(file, "POST", "/users", {**body, "roles": roles} if roles else body)
    click.echo(_user_line(told))


@user.command("list")
@FILE
def list_users(file: Path) -> None:
    """Show every user: name, state, roles."""
    after, more = "", True
    while more:
        told = administered(file, "GET", f"/users?after={after}")
        for one in told["users"]:
            click.echo(_user_line(one))
        after = told["next"]
        more = bool(after)


@user.command("passwd")
@FILE
@_NAME
@_STDIN
def set_password(*, file: Path, name: str, password_stdin: bool) -> None:
    """Give a user another password; their sessions end."""
    body = {"password": _password(password_stdin)}
    click.echo(_user_line(administered(file, "POST", f"/users/{name}/password", body)))


@user.command("reset")
@FILE
@_NAME
def reset_password(file: Path, name: str) -> None:
    """Make a code with which a user who has forgotten the password chooses another."""
    told = administered(file, "POST", f"/users/{name}/reset")
    click.echo(f"code, shown this once: {told['code']}")
    click.echo(f"for {told['username']}, once, until {told['until']}")


@user.command("invite")
@FILE
@click.option("--role", "roles", multiple=True, help="A role beside `player`.")
@click.option("--days", type=click.FloatRange(0.01, 90), default=7.0, show_default=True)
def invite(*, file: Path, roles: tuple[str, ...], days: float) -> None:
    """Make an invitation, with which one person may register."""
    body = {"roles": roles, "lasts": days * 86_400}
    told = administered(file, "POST", "/invitations", body)
    click.echo(f"code, shown this once: {told['code']}")
    click.echo(_invitation_line(told))


@user.command("invitations")
@FILE
@click.option("--withdraw", metavar="ID", help="Have one be no good any more.")
def show_invitations(*, file: Path, withdraw: str | None) -> None:
    """Show the invitations that are good, or withdraw one."""
    if withdraw is not None:
        administered(file, "DELETE", f"/invitations/{withdraw}")
        click.echo(f"{withdraw} is no good any more")
        return
    for one in administered(file, "GET", "/invitations")["invitations"]:
        click.echo(_invitation_line(one))


@user.command("role")
@FILE
@_NAME
@click.option("--grant", multiple=True, help="A role to grant.")
@click.option("--revoke", multiple=True, help="A role to revoke.")
def change_roles(*, file: Path, name: str, grant: tuple[str, ...], revoke: tuple[str, ...]) -> None:
    """Change the roles of a user; it counts at once, wherever they are logged in."""
    if not grant and not revoke:
        raise click.UsageError("say what: --grant or --revoke")
    body = {"grant": grant, "revoke": revoke}
    click.echo(_user_line(administered(file, "POST", f"/users/{name}/roles", body)))


@user.command("disable")
@FILE
@_NAME
def disable_user(file: Path, name: str) -> None:
    """Let a user in no more; their sessions end."""
    click.echo(_user_line(administered(file, "POST", f"/users/{name}/disable")))


@user.command("enable")
@FILE
@_NAME
def enable_user(file: Path, name: str) -> None:
    """Let a user in again."""
    click.echo(_user_line(administered(file, "POST", f"/users/{name}/enable")))


@user.command("logout")
@FILE
@_NAME
def end_sessions(file: Path, name: str) -> None:
    """End all sessions of a user."""
    told = administered(file, "POST", f"/users/{name}/logout")
    click.echo(f"{counted(told['sessions'], 'session')} ended")


@user.command("factors")
@FILE
@_NAME
@click.option("--remove", is_flag=True, help="Take all of them away; the user's sessions end.")
def show_factors(*, file: Path, name: str, remove: bool) -> None:
    """Show the second factors of a user, or take them away from who has lost them."""
    path = f"/users/{name}/factors"
    if remove:
        told = administered(file, "DELETE", path)
        click.echo(f"{counted(told['factors'], 'second factor')} taken away, all sessions ended")
        return
    told = administered(file, "GET", path)
    for one in told["factors"]:
        used = f"used {one['used']}" if one["used"] else "not used yet"
        click.echo(f"{one['kind']}  {one['label']}  since {one['created']}, {used}  {one['id']}")
    click.echo(f"{counted(told['recovery_codes_left'], 'recovery code')} left")


def _password(from_stdin: bool) -> str:
    """Return a password that is asked for, or comes in one line."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    said: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return said


def _invitation_line(told: "dict[str, Any]") -> str:
    roles = ", ".join(["player", *told["roles"]])
    return f"{told['id']}  {roles}  until {told['until']}"


def _user_line(told: "dict[str, Any]") -> str:
    roles = ", ".join(told["roles"]) or "no roles"
    called = f" ({told['login']})" if told.get("login") else ""
    return f"{told['username']}{called}  {told['state']}  {roles}  {told['id']}"
