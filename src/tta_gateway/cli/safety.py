"""`tta-gateway safety`: incidents of a running gateway, and drills.

It asks the guard and workers themselves, over their sockets in the state folder, so that it works
with control and all stores down: whoever may open these sockets is the operator.
"""

import getpass
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from tta_gateway.cli.configured import FILE
from tta_gateway.cli.running import STATE, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = click.argument("id")
_NOTE = click.option("--note", default="", help="What there is to say to it.")
_BY = click.option("--by", default="", help="Who does it; left out, the user of this machine.")
_LOOK: Final = 0.02  # seconds between two looks at a drill


@click.group()
def safety() -> None:
    """Look after people in need: incidents, and drills."""


@safety.command("incidents")
@FILE
@STATE
@click.option("--all", "every", is_flag=True, help="Those that are over too.")
def list_incidents(*, file: Path, state: str | None, every: bool) -> None:
    """Show incidents, the newest first."""
    found = _asked(state_of(file, state), {"do": "list", "all": every})["incidents"]
    for one in found:
        click.echo(_line(one))
    if not found:
        click.echo("there is no incident")


@safety.command("show")
@FILE
@STATE
@_ID
def show_incident(*, file: Path, state: str | None, id: str) -> None:
    """Show an incident: its reports, who has been told, and what people have done."""
    told = _asked(state_of(file, state), {"do": "show", "incident": id})
    click.echo(_line(told["incident"]))
    for one in told["reports"]:
        where = "delivered" if one["delivered"] else "not delivered"
        click.echo(f"  report   {one['at']}  level {one['level']}  {one['source']}  {where}")
    for one in told["notices"]:
        click.echo(f"  told     {one['confirmed_at']}  {one['contact']}  call {one['number']}")
    for one in told["owed"]:
        click.echo(f"  not yet  {one['contact']}  call {one['number']}  tried {one['tries']} times")
    for one in told["acts"]:
        more = " ".join(filter(None, (one["to"], one["text"])))
        click.echo(f"  done     {one['at']}  {one['does']} by {one['by']}  {more}".rstrip())


@safety.command("ack")
@FILE
@STATE
@_ID
@_NOTE
@_BY
def acknowledge(*, file: Path, state: str | None, id: str, note: str, by: str) -> None:
    """Acknowledge an incident: nobody else is called about it."""
    _act(state_of(file, state), id, "acknowledge", by=by, text=note)


@safety.command("resolve")
@FILE
@STATE
@_ID
@click.option("--note", required=True, help="How it ended.")
@_BY
def resolve(*, file: Path, state: str | None, id: str, note: str, by: str) -> None:
    """Say that an incident is over."""
    _act(state_of(file, state), id, "resolve", by=by, text=note)


@safety.command("drill")
@FILE
@STATE
@click.option("--level", type=click.IntRange(1, 3), default=3, show_default=True)
@click.option("--wait", type=float, default=30.0, show_default=True, help="Seconds, at most.")
@click.option("--keep", is_flag=True, help="Leave it open: people are called until one answers.")
@_BY
def drill(*, file: Path, state: str | None, level: int, wait: float, keep: bool, by: str) -> None:
    """Exercise the whole way: from a client's request at a listener to all of the first rung.

    Each step is shown with its time.  It ends with 1 at the step that fails, which it names.
    """
    folder = state_of(file, state)
    began = time.monotonic()  # noqa: TID251 - a command, not the gateway
    incident = _taken(folder, level, by or _user(), began)
    reached = _watch(folder, incident, began, wait)
    if not keep:
        _act(folder, incident, "resolve", by=by, text="the drill is over")
    sys.exit(0 if reached else 1)


def _taken(state: Path, level: int, by: str, began: float) -> str:
    """Have a worker take a drill and show how far it comes; return the incident that is to be."""
    import asyncio

    from tta_gateway.node.drill_call import drilled
    from tta_gateway.support.clock import SystemClock
    from tta_gateway.support.identifier import Identifiers

    id = Identifiers(SystemClock().wall).uuid7().decode()
    try:
        told = asyncio.run(drilled(state, {"id": id, "by": by, "level": level}))
    except OSError as error:
        _end("worker", str(error) or "it does not answer")
    took = max((one["ms"] for one in told["steps"]), default=0.0) / 1000.0
    begun = max(began, time.monotonic() - took)  # noqa: TID251 - a command
    for one in told["steps"]:
        _show(one["step"], one["said"], begun - began + one["ms"] / 1000.0)
    if "failed" in told:
        _end(told["failed"]["step"], told["failed"]["why"])
    incident: str = told["incident"]
    return incident


def _end(step: str, why: str) -> NoReturn:
    click.echo(f"the drill ends at the {step}: {why}", err=True)
    sys.exit(1)


def _watch(state: Path, incident: str, began: float, wait: float) -> bool:
    """Show each step of a drill as it comes; return whether everybody was reached in time.

    It ends there if the guard has not opened the incident by then.
    """
    seen, told, why = set[str](), dict[str, Any](), "it has not opened the incident: see its log"
    while time.monotonic() - began < wait:  # noqa: TID251 - a command
        try:
            told = _answered(state, {"do": "show", "incident": incident})
        except OSError as error:
            told, why = {"error": {}}, f"it does not answer: {error}"
        if "error" not in told and _are_told(told, seen, began):
            break
        time.sleep(_LOOK)
    if not seen:
        _end("guard", why)
    late = told.get("owed", ())
    for one in late:
        click.echo(f"{one['contact']:<20} not reached, tried {one['tries']} times", err=True)
    if len(seen) <= 1:
        click.echo("nobody was reached: see `escalation` in the configuration", err=True)
    return len(seen) > 1 and not late


def _are_told(told: "Mapping[str, Any]", seen: set[str], began: float) -> bool:
    """Show what is new; return whether nobody is owed a notice any more."""
    if not seen:
        seen.add("")
        _step("guard", "incident opened", began)
    for one in told["notices"]:
        if one["contact"] not in seen:
            seen.add(one["contact"])
            _step(one["contact"], "confirmed", began)
    return not told["owed"]


def _step(who: str, what: str, began: float) -> None:
    _show(who, what, time.monotonic() - began)  # noqa: TID251 - a command, not the gateway


def _show(who: str, what: str, seconds: float) -> None:
    click.echo(f"{who:<20} {what:<16} {seconds * 1000.0:8.1f} ms")


def _act(state: Path, id: str, does: str, *, by: str, text: str) -> None:
    from tta_gateway.support.clock import SystemClock
    from tta_gateway.support.identifier import Identifiers

    question = {
        "do": "act",
        "id": Identifiers(SystemClock().wall).uuid7().decode(),
        "incident": id,
        "does": does,
        "by": by or _user(),
        "text": text,
    }
    click.echo(_line(_asked(state, question)["incident"]))


def _user() -> str:
    return f"{getpass.getuser()} at the command line"


def _asked(state: Path, question: "Mapping[str, object]") -> "dict[str, Any]":
    told = _told(state, question)
    if "error" in told:
        click.echo(told["error"]["detail"], err=True)
        sys.exit(1)
    return told


def _answered(state: Path, question: "Mapping[str, object]") -> "dict[str, Any]":
    """Return what the guard answers; OSError if there is none."""
    from tta_gateway.node.guard_socket import ask

    return ask(state, question)


def _told(state: Path, question: "Mapping[str, object]") -> "dict[str, Any]":
    try:
        return _answered(state, question)
    except OSError as error:
        click.echo(f"no guard answers in the state folder {state}: {error}", err=True)
        sys.exit(1)


def _line(one: "Mapping[str, Any]") -> str:
    drill = "  drill" if one["drill"] else ""
    carer = f"  with {one['carer']}" if one["carer"] else ""
    return (
        f"{one['id']}  level {one['level']} ({one['level_name']})  {one['state']}{drill}  "
        f"since {one['began_at']}  {one['reports']} reports{carer}"
    )
