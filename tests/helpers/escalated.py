"""A gateway whose guard calls people, and those people."""

import os
import secrets
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.admin import Admin
from tests.helpers.alert_receiver import Receiver
from tests.helpers.gateway import Gateway, free_port, start_gateway
from tests.helpers.incidents import a_report
from tests.helpers.reporter import report
from tests.helpers.slow import companion_of, wait_until
from tta_gateway.kernel.incident import Report
from tta_gateway.node.guard_socket import ask

SECRET = "kanarienvogel"


def quick(*calls: str, within: str = "1s") -> dict[str, object]:
    """A ladder of one second a rung."""
    rungs = [{"call": [one], "within": within} for one in calls]
    return {"rungs": rungs, "again": within}


@dataclass(slots=True)
class Escalated:
    """A running gateway."""

    gateway: Gateway
    folder: Path
    admin: Admin

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.folder / "var"

    @property
    def guard(self) -> int | None:
        """Its guard's process."""
        return companion_of(self.gateway.process.pid, "guard")

    def kill(self, name: str = "guard") -> None:
        """End a companion, as the kernel would."""
        pid = companion_of(self.gateway.process.pid, name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def write(self, *people: str, level: int = 3, **more: Any) -> list[Report]:  # noqa: ANN401
        """Have these people be in need; return what was written into the journal."""
        made = [
            a_report(secrets.token_hex(8), at=time.time(), person=one, level=level, **more)
            for one in people
        ]
        report(self.folder / "gateway.yaml", made, "kanarie")
        return made

    def ask(self, **asked: object) -> dict[str, Any]:
        """Ask the guard, as soon as there is one."""
        answer: list[dict[str, Any]] = []

        def answers() -> bool:
            try:
                answer.append(ask(self.state, asked))
            except OSError:
                return False
            return True

        assert wait_until(answers)
        return answer[0]

    def incidents(self) -> dict[str, dict[str, Any]]:
        """Those that are not over, by person."""
        return {one["person"]: one for one in self.ask(do="list")["incidents"]}

    def acknowledge(self, *people: str) -> None:
        """Have somebody answer for these."""
        found = self.incidents()
        for one in people:
            told = self.ask(
                do="act",
                id=f"ack-{found[one]['id']}",
                incident=found[one]["id"],
                does="acknowledge",
                by="ben",
            )
            assert told["incident"]["state"] == "acknowledged"


@contextmanager
def escalated(
    folder: Path, escalation: Mapping[str, object], **more: object
) -> Iterator[Escalated]:
    """Start one, and end it."""
    admin = free_port()
    config = {
        "listen": "127.0.0.1:0",
        "admin": f"127.0.0.1:{admin}",
        "state_dir": str(folder / "var"),
        "services": {"a": {"endpoints": ["http://127.0.0.1:1"]}},
        "routes": [{"path": "/{rest:path}", "service": "a", "auth": "none"}],
        "escalation": escalation,
        **more,
    }
    gateway = start_gateway(config, folder)
    made = Escalated(gateway, folder, Admin(admin, folder / "var"))
    try:
        made.ask(do="list")
        yield made
    finally:
        gateway.stop()


def heard(receiver: Receiver, person: str) -> list[dict[str, Any]]:
    """What a tool has been told of somebody, in order."""
    told = [call.json for call in list(receiver.calls)]
    return [one for one in told if one["incident"]["person"] == person]


def times(receiver: Receiver) -> Counter[str]:
    """How often each notice has come, by its id."""
    return Counter(call.json["id"] for call in list(receiver.calls))
