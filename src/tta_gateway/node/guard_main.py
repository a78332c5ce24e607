"""The guard: `python -m tta_gateway.node.guard_main SNAPSHOT_FD CHANNEL_FD PARENT`.

It will read the journals of the workers and escalate until a human has acknowledged: no journal
exists yet, so there is nothing to read, and it only stays.  It depends on nothing else of the node,
so that nothing else can delay an alert.
"""

import selectors
import signal
import socket
import sys

from tta_gateway.node.life import settle, tell
from tta_gateway.node.signals import Signals


def main() -> None:
    """Stay until asked to end."""
    signals = Signals((signal.SIGTERM,))
    settle(int(sys.argv[3]), signal.SIGTERM)
    channel = socket.socket(fileno=int(sys.argv[2]))
    tell(channel, b"ready 0")
    with selectors.DefaultSelector() as selector:
        selector.register(signals.fd, selectors.EVENT_READ)
        selector.register(channel, selectors.EVENT_READ)  # its end is the supervisor's
        selector.select()


if __name__ == "__main__":
    main()
