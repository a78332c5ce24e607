"""`tta-gateway safety`: incidents of a running gateway, and drills.

It asks the guard itself, over its socket in the state folder, so that it works with control and all
stores down: whoever may open that socket is the operator.
"""

import getpass
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tta_gateway.cli.configured import FILE, loaded_of, snapshot_of
from tta_gateway.cli.running import STATE, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tta_gateway.kernel.incident import Report
    from tta_gateway.snapshot.model import Snapshot

_ID = click.argument("id")
_NOTE = click.option("--note", default="", help="What there is to say to it.")
_BY = click.option("--by", default="", help="Who does it; left out, the user of this machine.")
_LOOK: Final = 0.02  # seconds between two looks at a drill
_SLOT: Final = 9998
"""of the journal: no worker's"""


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
@click.option("--level", type=click.IntRange(1, 3), default=3, show_default=True)
@click.option("--wait", type=float, default=30.0, show_default=True, help="Seconds, at most.")
@click.option("--keep", is_flag=True, help="Leave it open: people are called until one answers.")
@_BY
def drill(*, file: Path, level: int, wait: float, keep: bool, by: str) -> None:
    """Exercise all behind the detector: journal, guard, and everybody of the first rung.

    Each step is shown with its time.  It ends with 1 if somebody was not reached.
    """
    snapshot = snapshot_of(loaded_of(file).settings)
    state, report = Path(snapshot.state_dir), _report(level, by or _user())
    _as_its_owner(state)
    began = time.monotonic()  # noqa: TID251 - a command, not the gateway
    if not _journaled(snapshot, report):
        click.echo("the journal does not take it: see the log of the gateway", err=True)
        sys.exit(1)
    _step("journal", "durable", began)
    incident = _incident_of(report)
    reached = _watch(state, incident, began, wait)
    if not keep:
        _act(state, incident, "resolve", by=by, text="the drill is over")
    sys.exit(0 if reached else 1)


def _as_its_owner(state: Path) -> None:
    """End unless this is the user of the gateway: it could not read what another one writes."""
    try:
        owner = state.stat().st_uid
    except OSError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if owner != os.geteuid():
        click.echo(f"{state} is another user's: run this as the user of id {owner}", err=True)
        sys.exit(1)


def _report(level: int, by: str) -> "Report":
    from tta_gateway.features.escalation.desk import Drill
    from tta_gateway.features.escalation.desk import drill as drilled
    from tta_gateway.support.clock import SystemClock
    from tta_gateway.support.identifier import Identifiers

    wall = SystemClock().wall
    id = Identifiers(wall).uuid7().decode()
    return drilled(Drill(id=id, by=by, level=level), wall())


def _incident_of(report: "Report") -> str:
    from tta_gateway.features.escalation.algorithm import incident_id

    return incident_id(report)


def _journaled(snapshot: "Snapshot", report: "Report") -> bool:
    """Write a report as a worker does; return whether it is durable."""
    import asyncio

    from tta_gateway.node.reporting import Reporting
    from tta_gateway.support.clock import Stamp, SystemClock
    from tta_gateway.support.log import EventLog, LineFile
    from tta_gateway.support.metrics import Registry

    async def write() -> bool:
        log = EventLog(LineFile("-"), Stamp(SystemClock().wall))
        loop = asyncio.get_running_loop()
        reporting = Reporting(loop, clock=SystemClock(), registry=Registry(), log=log)
        reporting.open(snapshot, _SLOT)
        try:
            return await reporting.put(report, "")
        finally:
            reporting.close()

    try:
        return asyncio.run(write())
    except OSError as error:
        click.echo(str(error), err=True)
        return False


def _watch(state: Path, incident: str, began: float, wait: float) -> bool:
    """Show each step of a drill as it comes; return whether everybody was reached in time."""
    seen, told = set[str](), dict[str, Any]()
    while time.monotonic() - began < wait:  # noqa: TID251 - a command
        told = _told(state, {"do": "show", "incident": incident})
        if "error" not in told and _are_told(told, seen, began):
            break
        time.sleep(_LOOK)
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
    milliseconds = (time.monotonic() - began) * 1000.0  # noqa: TID251 - a command
    click.echo(f"{who:<20} {what:<16} {milliseconds:8.1f} ms")


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


def _told(state: Path, question: "Mapping[str, object]") -> "dict[str, Any]":
    from tta_gateway.node.guard_socket import ask

    try:
        return ask(state, question)
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
