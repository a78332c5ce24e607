"""The command line: `tta-gateway`, one function a command.

Nothing heavy is imported here: each command imports what it needs when it runs.
"""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from tta_gateway import __version__
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.node.pki_commands import pki
from tta_gateway.support.build import form

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from tta_gateway.settings.load import Loaded
    from tta_gateway.settings.tree import Settings
    from tta_gateway.snapshot.model import Snapshot

_LONGEST_RENEWAL: Final = 600  # seconds
_DAY: Final = 86_400.0  # seconds
_file = click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default="gateway.yaml",
    show_default=True,
    help="The configuration.",
)
_state = click.option(
    "--state-dir",
    "state",
    metavar="STATE_DIR",
    help="The state folder of the running gateway, whatever the configuration says.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__, prog_name="tta-gateway", message=f"%(prog)s %(version)s, {form()}"
)
def main() -> None:
    """One entry to a therapeutic platform."""


@main.command()
@_file
def check(file: Path) -> None:
    """Check the configuration: exit 0, or 2 with every error on a line of its own."""
    loaded = _loaded(file)
    _warn(loaded, file)
    services, routes = len(loaded.settings.services), len(loaded.settings.routes)
    click.echo(f"{file} is good: {_count(services, 'service')}, {_count(routes, 'route')}")


@main.command()
@_file
@click.option(
    "--kept",
    type=click.Path(path_type=Path),
    metavar="STATE_DIR",
    help="Serve what was accepted last, from this state folder, whatever the file says now.",
)
def run(file: Path, kept: Path | None) -> None:
    """Serve until a signal comes: SIGTERM and Ctrl-C finish what is under way."""
    state = kept
    if state is None:
        loaded = _loaded(file)
        _warn(loaded, file)
        state = Path(loaded.settings.state_dir)
        data = _compiled(loaded.settings)
    else:
        data = _kept(state)
    from tta_gateway.node.beginning import begun
    from tta_gateway.node.supervisor_main import become
    from tta_gateway.snapshot.sealed import compiled
    from tta_gateway.support.clock import SystemClock

    try:
        both = compiled(data, state, begun=begun(data, state, wall=SystemClock().wall))
    except OSError as error:
        click.echo(f"cannot start: {error}", err=True)
        sys.exit(1)
    become(both, file)


def _compiled(settings: "Settings") -> bytes:
    """Return the settings encoded; end if a file or the access log is no good."""
    from tta_gateway.node.log_path import complaint, path_of
    from tta_gateway.snapshot.encode import encode

    snapshot = _snapshot(settings)
    path = path_of(snapshot)
    words = complaint(path) if path else ""
    if words:
        click.echo(f"cannot start: access_log.path: {words}", err=True)
        sys.exit(1)
    return encode(snapshot)


def _snapshot(settings: "Settings") -> "Snapshot":
    from tta_gateway.settings.compile import compile_snapshot

    try:
        return compile_snapshot(settings, 1)
    except ConfigError as error:
        _refuse(error)


def _kept(state: Path) -> bytes:
    """Return what is kept in a state folder, or end with why it is not."""
    from tta_gateway.snapshot.sealed import kept

    try:
        return kept(state)
    except OSError as error:
        click.echo(f"cannot start: {error}", err=True)
        sys.exit(1)


@main.group()
def routes() -> None:
    """Look at the routes."""


@routes.command()
@_file
@click.argument("method")
@click.argument("path")
@click.option("--host", default="", help="The Host field of the request.")
@click.option("-H", "--header", "headers", multiple=True, help="A field, `name: value`.")
@click.option("--client", default="127.0.0.1", help="Its address; `unix` on a unix socket.")
def explain(
    *, file: Path, method: str, path: str, host: str, headers: tuple[str, ...], client: str
) -> None:
    """Say which route takes a request, and what every policy does with it."""
    loaded = _loaded(file)
    from tta_gateway.node.explain import explain as explained

    snapshot = _snapshot(loaded.settings)
    address = "" if client == "unix" else client
    lines = explained(
        snapshot, method=method, target=path, host=host, headers=headers, client=address
    )
    for line in lines:
        click.echo(line)


@main.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    import json

    from tta_gateway.settings.schema import schema as make

    click.echo(json.dumps(make(), indent=2, ensure_ascii=False))


@config.command()
@_file
def show(file: Path) -> None:
    """Print the configuration that is in force, defaults and environment included."""
    from tta_gateway.settings.show import show as written

    loaded = _loaded(file)
    click.echo(written(loaded.settings, loaded.document), nl=False)


@config.command()
@_file
@_state
def status(file: Path, state: str | None) -> None:
    """Say which configuration is in force: exit 0, or 1 if the last one was refused."""
    told = _asked(_state_of(file, state), "status")
    click.echo(f"version {told['configuration']} of {told['file']} is in force")
    for complaint in told.get("refused", []):
        click.echo(f"refused: {complaint}", err=True)
    sys.exit(1 if "refused" in told else 0)


@main.command()
@_file
def services(file: Path) -> None:
    """Show every service of a running gateway: endpoints, how they are, and why."""
    from tta_gateway.node import services_text
    from tta_gateway.node.admin_client import told

    snapshot = _snapshot(_loaded(file).settings)
    if snapshot.admin is None:
        click.echo("there is no administration to ask: `admin` is off", err=True)
        sys.exit(1)
    try:
        found = told(snapshot.admin, Path(snapshot.state_dir), "/admin/v1/services")
    except OSError as error:
        click.echo(f"the administration of {snapshot.state_dir} does not say: {error}", err=True)
        sys.exit(1)
    for line in services_text.lines(found):
        click.echo(line)


main.add_command(pki)


@main.group()
def user() -> None:
    """Look after the gateway's own users."""


_name = click.argument("name")
_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")


@user.command("add")
@_file
@_name
@click.option("--role", "roles", multiple=True, help="A role; `player` if none is said.")
@_stdin
def add_user(*, file: Path, name: str, roles: tuple[str, ...], password_stdin: bool) -> None:
    """Make a user."""
    body = {"username": name, "password": _password(password_stdin)}
    told = _administered(file, "POST", "/users", {**body, "roles": roles} if roles else body)
    click.echo(_user_line(told))


@user.command("list")
@_file
def list_users(file: Path) -> None:
    """Show every user: name, state, roles."""
    after, more = "", True
    while more:
        told = _administered(file, "GET", f"/users?after={after}")
        for one in told["users"]:
            click.echo(_user_line(one))
        after = told["next"]
        more = bool(after)


@user.command("passwd")
@_file
@_name
@_stdin
def set_password(*, file: Path, name: str, password_stdin: bool) -> None:
    """Give a user another password; their sessions end."""
    body = {"password": _password(password_stdin)}
    click.echo(_user_line(_administered(file, "POST", f"/users/{name}/password", body)))


@user.command("role")
@_file
@_name
@click.option("--grant", multiple=True, help="A role to grant.")
@click.option("--revoke", multiple=True, help="A role to revoke.")
def change_roles(*, file: Path, name: str, grant: tuple[str, ...], revoke: tuple[str, ...]) -> None:
    """Change the roles of a user; it counts at once, wherever they are logged in."""
    if not grant and not revoke:
        raise click.UsageError("say what: --grant or --revoke")
    body = {"grant": grant, "revoke": revoke}
    click.echo(_user_line(_administered(file, "POST", f"/users/{name}/roles", body)))


@user.command("disable")
@_file
@_name
def disable_user(file: Path, name: str) -> None:
    """Let a user in no more; their sessions end."""
    click.echo(_user_line(_administered(file, "POST", f"/users/{name}/disable")))


@user.command("enable")
@_file
@_name
def enable_user(file: Path, name: str) -> None:
    """Let a user in again."""
    click.echo(_user_line(_administered(file, "POST", f"/users/{name}/enable")))


@user.command("logout")
@_file
@_name
def end_sessions(file: Path, name: str) -> None:
    """End all sessions of a user."""
    told = _administered(file, "POST", f"/users/{name}/logout")
    click.echo(f"{_count(told['sessions'], 'session')} ended")


@user.command("factors")
@_file
@_name
@click.option("--remove", is_flag=True, help="Take all of them away; the user's sessions end.")
def show_factors(*, file: Path, name: str, remove: bool) -> None:
    """Show the second factors of a user, or take them away from who has lost them."""
    path = f"/users/{name}/factors"
    if remove:
        told = _administered(file, "DELETE", path)
        click.echo(f"{_count(told['factors'], 'second factor')} taken away, all sessions ended")
        return
    told = _administered(file, "GET", path)
    for one in told["factors"]:
        used = f"used {one['used']}" if one["used"] else "not used yet"
        click.echo(f"{one['kind']}  {one['label']}  since {one['created']}, {used}  {one['id']}")
    click.echo(f"{_count(told['recovery_codes_left'], 'recovery code')} left")


@main.group()
def keys() -> None:
    """Look after the keys that sign the gateway's own tokens."""


@keys.command("list")
@_file
def list_keys(file: Path) -> None:
    """Show every key: what it is for, and until when it counts."""
    for line in _key_lines(_administered(file, "GET", "/keys")):
        click.echo(line)


@keys.command("rotate")
@_file
@click.option("--now", is_flag=True, help="Have what the other keys have signed count no more.")
def rotate_keys(*, file: Path, now: bool) -> None:
    """Have another key sign; the tokens of the others count until they expire."""
    for line in _key_lines(_administered(file, "POST", "/keys/rotate", {"now": now})):
        click.echo(line)


@main.group()
def apikey() -> None:
    """Look after the API keys of programs."""


_days = click.option(
    "--days", type=click.FloatRange(0.001, 366), default=90.0, show_default=True, help="How long."
)
_key_name = click.argument("name")


@apikey.command("add")
@_file
@_key_name
@click.option("--role", "roles", multiple=True, required=True, help="A role that it has.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    help="What it is permitted of what the roles hold; left out, all of it.",
)
@_days
def add_api_key(
    *, file: Path, name: str, roles: tuple[str, ...], permissions: tuple[str, ...], days: float
) -> None:
    """Make an API key, and show it this once."""
    lasts = {"lasts": days * _DAY}
    body = {"name": name, "roles": roles, "permissions": permissions, **lasts}
    _show_key(_administered(file, "POST", "/apikeys", body))


@apikey.command("list")
@_file
def list_api_keys(file: Path) -> None:
    """Show every API key, without what is secret."""
    for one in _administered(file, "GET", "/apikeys")["keys"]:
        click.echo(_api_key_line(one))


@apikey.command("rotate")
@_file
@_key_name
@click.option(
    "--overlap-hours",
    type=click.FloatRange(0, 366 * 24),
    default=24.0,
    show_default=True,
    help="How long the key before it counts on.",
)
@_days
def rotate_api_key(*, file: Path, name: str, overlap_hours: float, days: float) -> None:
    """Make the successor of an API key, and show it this once."""
    body = {"overlap": overlap_hours * _DAY / 24, "lasts": days * _DAY}
    _show_key(_administered(file, "POST", f"/apikeys/{name}/rotate", body))


@apikey.command("revoke")
@_file
@_key_name
@click.option("--id", "one", default="", help="Which of its keys; left out, all.")
def revoke_api_key(*, file: Path, name: str, one: str) -> None:
    """Have an API key count no more; what it has opened ends."""
    told = _administered(file, "DELETE", f"/apikeys/{name}{f'?id={one}' if one else ''}")
    click.echo(f"{_count(told['revoked'], 'key')} revoked")


def _show_key(told: "dict[str, Any]") -> None:
    """Show a key that has been made: it alone to the standard output, so that it can be taken."""
    click.echo(told["key"])
    click.echo(f"{_api_key_line(told)}\nKeep it now: it is shown this once.", err=True)


def _api_key_line(told: "dict[str, Any]") -> str:
    roles, bound = ", ".join(told["roles"]), ", ".join(told["permissions"])
    state = f"until {told['expires']}" if told["counts"] else "over"
    may = f"{roles}: {bound}" if bound else roles
    return f"{told['name']}  {told['hint']}…  {may}  {state}  {told['id']}"


@main.group()
def client() -> None:
    """Look after clients of OAuth: programs that log people in here, and services."""


@client.command("add")
@_file
@_name
@click.option("--public", is_flag=True, help="It can keep no secret: a page, or a program.")
@click.option("--redirect", "redirects", multiple=True, help="Where answers go, to the letter.")
@click.option("--grant", "grants", multiple=True, help="A way to tokens; left out, the usual ones.")
@click.option("--scope", "scopes", multiple=True, help="A scope that it may ask for.")
@click.option("--role", "roles", multiple=True, help="A role of its own; `service` if none is.")
@click.option("--jwks", type=click.File(), help="Its public keys, in place of a secret.")
def add_client(
    *, file: Path, name: str, public: bool, jwks: "TextIO | None", **terms: "tuple[str, ...]"
) -> None:
    """Make a client; its secret is shown once."""
    kind = "public" if public else "confidential"
    body = {"name": name, "kind": kind, "redirect_uris": terms.pop("redirects"), **terms}
    keys = {} if jwks is None else {"jwks": _json(jwks)}
    _show_client(_administered(file, "POST", "/clients", {**body, **keys}))


@client.command("list")
@_file
def list_clients(file: Path) -> None:
    """Show every client: id, name, state, what it may do."""
    for one in _administered(file, "GET", "/clients")["clients"]:
        _show_client(one)


@client.command("secret")
@_file
@_name
@click.option("--withdraw", metavar="ID", help="Have this one count no more.")
def change_secret(*, file: Path, name: str, withdraw: str | None) -> None:
    """Give a client another secret beside the one that it has, or withdraw one."""
    path = f"/clients/{name}/secrets"
    if withdraw is None:
        _show_client(_administered(file, "POST", path))
    else:
        _show_client(_administered(file, "DELETE", f"{path}/{withdraw}"))


@client.command("disable")
@_file
@_name
def disable_client(file: Path, name: str) -> None:
    """Let a client in no more; its sessions and tokens are over."""
    _show_client(_administered(file, "POST", f"/clients/{name}/disable"))


@client.command("enable")
@_file
@_name
def enable_client(file: Path, name: str) -> None:
    """Let a client in again."""
    _show_client(_administered(file, "POST", f"/clients/{name}/enable"))


@client.command("remove")
@_file
@_name
def remove_client(file: Path, name: str) -> None:
    """Forget a client; its sessions and tokens are over."""
    _administered(file, "DELETE", f"/clients/{name}")
    click.echo(f"{name} is no client any more")


def _show_client(told: "dict[str, Any]") -> None:
    """Print a client in a line, and below it a secret that has just been made."""
    told["secrets"] = [one["id"] for one in told["secrets"]]
    may = ("grants", "redirect_uris", "scopes", "roles", "keys", "secrets")
    parts = [told["id"], told["name"], told["kind"], told["state"]]
    parts += [f"{what}: {', '.join(told[what])}" for what in may if told[what]]
    click.echo("  ".join(parts))
    if told.get("secret"):
        click.echo(f"secret, shown this once: {told['secret']}")


def _json(file: "TextIO") -> object:
    """Return what a file says in JSON, or end with that it is none."""
    import json

    try:
        return json.load(file)
    except ValueError as error:
        raise click.UsageError(f"{file.name} is no JSON: {error}") from None


@main.group()
def changes() -> None:
    """Look after changes that need two people: one proposes, another approves."""


_id = click.argument("id")
_note = click.option("--note", default="", help="What there is to say to it.")
_token = click.option(
    "--token",
    envvar="TTA_GATEWAY_TOKEN",
    help="Your own access token; asked for if it is neither here nor in TTA_GATEWAY_TOKEN.",
)


@changes.command("list")
@_file
def list_changes(file: Path) -> None:
    """Show the changes, first those that are to be decided."""
    for one in _administered(file, "GET", "/changes")["changes"]:
        click.echo(_change_line(one))


@changes.command("propose")
@_file
@click.argument("name")
@click.option("--grant", multiple=True, required=True, help="A role to grant.")
@click.option("--reason", required=True, help="Why; who approves reads it.")
@_token
def propose_change(
    *, file: Path, name: str, grant: tuple[str, ...], reason: str, token: str | None
) -> None:
    """Propose that a user is granted roles."""
    change = {"user": name, "grant": grant}
    body = {"kind": "roles", "change": change, "reason": reason}
    click.echo(_change_line(_administered(file, "POST", "/changes", body, token=_own(token))))


@changes.command("approve")
@_file
@_id
@_note
@_token
def approve_change(*, file: Path, id: str, note: str, token: str | None) -> None:
    """Approve what somebody else has proposed: it is made then."""
    _decided(file, id, "approve", note, token)


@changes.command("reject")
@_file
@_id
@_note
@_token
def reject_change(*, file: Path, id: str, note: str, token: str | None) -> None:
    """Reject what somebody else has proposed."""
    _decided(file, id, "reject", note, token)


@changes.command("withdraw")
@_file
@_id
@_note
@_token
def withdraw_change(*, file: Path, id: str, note: str, token: str | None) -> None:
    """Withdraw what you have proposed yourself."""
    _decided(file, id, "withdraw", note, token)


def _decided(file: Path, id: str, step: str, note: str, token: str | None) -> None:
    path, body = f"/changes/{id}/{step}", {"note": note}
    click.echo(_change_line(_administered(file, "POST", path, body, token=_own(token))))


def _own(token: str | None) -> str:
    """Return a person's access token, asked for if need be."""
    said: str = token or click.prompt("Your access token", hide_input=True)
    return said.strip()


def _change_line(one: "dict[str, Any]") -> str:
    decided = f"  by {one['decided_by']}" if one["decided_by"] else ""
    return (
        f"{one['id']}  {one['state']}{decided}  {one['summary']}  proposed by "
        f"{one['proposed_by']}, until {one['until']}: {one['reason']}"
    )


def _password(from_stdin: bool) -> str:
    """Return a password that is asked for, or comes in one line."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    said: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return said


def _user_line(told: "dict[str, Any]") -> str:
    roles = ", ".join(told["roles"]) or "no roles"
    called = f" ({told['login']})" if told.get("login") else ""
    return f"{told['username']}{called}  {told['state']}  {roles}  {told['id']}"


def _key_lines(told: "dict[str, Any]") -> list[str]:
    return [
        f"{one['id']}  {one['algorithm']}  from {one['signs_from']}  "
        f"until {one['proves_until'] or 'replaced'}{'  signs' if one['signs'] else ''}"
        for one in told["keys"]
    ]


def _administered(
    file: Path,
    method: str,
    path: str,
    body: "Mapping[str, object] | None" = None,
    *,
    token: str = "",
) -> "dict[str, Any]":
    """Have the administration of a running gateway do something, or end with why it does not."""
    from tta_gateway.node.admin_client import asked

    snapshot = _snapshot(_loaded(file).settings)
    if snapshot.admin is None:
        click.echo("there is no administration to ask: `admin` is off", err=True)
        sys.exit(1)
    try:
        state = Path(snapshot.state_dir)
        return asked(snapshot.admin, state, method, f"/admin/v1{path}", body, token=token)
    except OSError as error:
        click.echo(f"the administration of {snapshot.state_dir} does not: {error}", err=True)
        sys.exit(1)


@main.command()
@_file
@_state
@click.option("--workers", is_flag=True, help="Replace the workers, one after the other.")
def restart(file: Path, state: str | None, *, workers: bool) -> None:
    """Replace the workers of a running gateway by new ones; nobody is refused meanwhile."""
    if not workers:
        raise click.UsageError("say what: --workers")
    folder = _state_of(file, state)
    _asked(folder, "restart")
    told = _renewed(folder)
    click.echo(f"{_count(len(told['pids']), 'worker')} replaced")


@main.command()
@_file
@_state
def upgrade(file: Path, state: str | None) -> None:
    """Make a running gateway the one that is installed now; nobody is refused meanwhile."""
    folder = _state_of(file, state)
    before = _asked(folder, "status")["generation"]
    _asked(folder, "upgrade")
    told = _renewed(folder, beyond=before)
    click.echo(f"version {told['version']} serves")


def _state_of(file: Path, said: str | None) -> Path:
    """Return the state folder of the running gateway; its file may be broken by now."""
    from tta_gateway.settings.state_dir import state_dir

    return Path(said or state_dir(file, os.environ))


def _renewed(state: Path, *, beyond: int = -1) -> dict[str, Any]:
    """Wait until all workers are new; end with the reason if they cannot be."""
    for _ in range(_LONGEST_RENEWAL * 10):
        time.sleep(0.1)
        told = _asked(state, "status", tries=5)  # nobody answers while it becomes another
        is_next = told["generation"] > beyond
        refused = told["upgrade"]["refused"] if beyond >= 0 and not is_next else []
        if is_next and told["broken_off"]:
            refused = [told["broken_off"]]
        for complaint in refused:
            click.echo(complaint, err=True)
        if refused:
            sys.exit(1)
        if is_next and not told["renewing"]:
            return told
    click.echo("the workers are not all new after ten minutes: see the log", err=True)
    sys.exit(1)


def _asked(state: Path, word: str, *, tries: int = 1) -> dict[str, Any]:
    """Have the running gateway of a state folder do something, or end with why it does not."""
    from tta_gateway.node.commands import ask

    try:
        told = ask(state, word)
    except OSError as error:
        if tries > 1:
            time.sleep(0.2)
            return _asked(state, word, tries=tries - 1)
        click.echo(f"no gateway runs with the state folder {state}: {error}", err=True)
        sys.exit(1)
    if "error" in told:
        click.echo(told["error"], err=True)
        sys.exit(1)
    return told


@main.command()
@click.option("--check", is_flag=True, help="Write nothing: exit 1 if a page is out of date.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default="docs/reference",
    show_default=True,
    help="The folder of the pages.",
)
def docs(*, check: bool, into: Path) -> None:
    """Write the reference: settings, errors, metrics, the order of policies."""
    from tta_gateway.node.reference import pages

    stale = [name for name, text in pages().items() if _written(into / name) != text]
    if check and stale:
        click.echo(f"out of date, run `tta-gateway docs`: {', '.join(stale)}", err=True)
        sys.exit(1)
    if not check:
        into.mkdir(parents=True, exist_ok=True)
        for name, text in pages().items():
            (into / name).write_text(text)


def _written(page: Path) -> str:
    """Return what a page says now, nothing where there is none."""
    return page.read_text() if page.exists() else ""


def _loaded(file: Path) -> "Loaded":
    """Return what the file and the environment say, or end with what is wrong with it."""
    from tta_gateway.settings.load import load

    try:
        return load(file, os.environ)
    except ConfigError as error:
        _refuse(error)


def _refuse(error: ConfigError) -> NoReturn:
    """End with everything that is wrong with the configuration."""
    for complaint in error.complaints:
        click.echo(complaint, err=True)
    sys.exit(2)


def _warn(loaded: "Loaded", file: Path) -> None:
    """Say what will not stop the gateway, but somebody should look at."""
    from tta_gateway.settings import expiry, exposure
    from tta_gateway.support.clock import SystemClock

    expired = expiry.warnings(loaded, str(file), now=SystemClock().wall())
    for warning in [*expired, *exposure.warnings(loaded, str(file))]:
        click.echo(warning, err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
