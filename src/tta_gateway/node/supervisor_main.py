"""A node: `python -m tta_gateway.node.supervisor_main SNAPSHOT_FD FILE`.

It owns the listening sockets, the probe, the lock and the configuration, has its workers and their
companions kept, and passes signals on.  It imports almost nothing: what it does not do cannot bring
it down.  The command line compiles the configuration and then becomes this process; an upgrade
becomes it anew, with `--resume HANDOVER_FD FILE`.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec

from tta_gateway.node import last_words
from tta_gateway.node.assemble_node import Node
from tta_gateway.node.child import PYTHON, file_of
from tta_gateway.node.handover import taken_over
from tta_gateway.node.room import raise_limit
from tta_gateway.node.signals import Signals
from tta_gateway.snapshot.kept import Compiled
from tta_gateway.support.clock import SystemClock

TAKEN: Final = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
)


def become(compiled: bytes, file: Path) -> None:
    """Turn this process into the supervisor of a compiled configuration; it does not come back."""
    fd = file_of(compiled)
    os.set_inheritable(fd, True)
    command = [*PYTHON, "tta_gateway.node.supervisor_main", str(fd), str(file)]
    os.execv(sys.executable, command)  # noqa: S606 - our own module


def main() -> None:
    """Supervise."""
    last_words.install()
    raise_limit()
    signals = Signals(TAKEN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    try:
        node = _node()
    except OSError as error:
        where = f" {error.filename}:" if error.filename else ""
        sys.exit(f"cannot start:{where} {error.strerror or error}")
    sys.exit(node.run(signals))


def _node() -> Node:
    if sys.argv[1] == "--resume":
        kept = taken_over(int(sys.argv[2]))
        path = Path(sys.argv[3])
        return Node(path, kept.snapshot, clock=SystemClock(), out=sys.stdout, kept=kept)
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        compiled = msgspec.msgpack.decode(file.read(), type=Compiled)
    node = Node(Path(sys.argv[2]), compiled.data, clock=SystemClock(), out=sys.stdout)
    node.keep_for_later(compiled.sealed)
    return node


if __name__ == "__main__":
    main()
