"""Operators: what they see of a node, and what it does for them."""

import os
from pathlib import Path

from tta_gateway import __version__
from tta_gateway.node.beside import Beside
from tta_gateway.node.commands import Do
from tta_gateway.node.probe import Health
from tta_gateway.node.reload import Reload
from tta_gateway.node.supervisor import Supervisor
from tta_gateway.node.upgrade import Upgrade


class Operators:
    """Gathers what the parts of a node say, and passes on what they are asked."""

    def __init__(
        self,
        file: Path,
        *,
        generation: int,
        supervisor: Supervisor,
        beside: Beside,
        reload: Reload,
        upgrade: Upgrade,
    ) -> None:
        """Speak for these parts of a node, which has been upgraded as often as `generation`."""
        self._file = file
        self._generation = generation
        self._supervisor = supervisor
        self._beside = beside
        self._reloading = reload
        self._upgrading = upgrade

    def health(self) -> tuple[bool, Health]:
        """Return whether the node is ready, and how its parts are."""
        ready, health = self._supervisor.health()
        refused, missing = self._reloading.complaints, self._beside.missing()
        bad = {"refused": refused} if refused else {}
        degraded = {"degraded": missing} if missing else {}
        version = self._reloading.snapshot.version
        return ready, {
            **health,
            **self._beside.health(),
            "configuration": version,
            **bad,
            **degraded,
        }

    def table(self) -> dict[str, Do]:
        """Return the commands by their words."""
        return {
            "status": self._status,
            "reload": self._reload,
            "restart": self._restart,
            "upgrade": self._upgrade,
        }

    def _status(self) -> Health:
        ready, health = self.health()
        return {
            "ready": ready,
            "version": __version__,
            "pid": os.getpid(),
            "file": str(self._file),
            "generation": self._generation,
            **health,
            **self._supervisor.renewal(),
            "upgrade": self._upgrading.status(),
        }

    def _reload(self) -> Health:
        self._reloading.ask()
        return {"asked": "reload"}

    def _restart(self) -> Health:
        if self._supervisor.renew():
            return {"asked": "restart"}
        return {"error": "the workers are being replaced already, or do not all serve yet"}

    def _upgrade(self) -> Health:
        if self._upgrading.ask():
            return {"asked": "upgrade"}
        return {"error": "an upgrade is under way already"}
