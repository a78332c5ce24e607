"""The guard: `python -m tta_gateway.node.guard_main SNAPSHOT_FD CHANNEL_FD`.

It will read the journals of the workers and escalate until a human has acknowledged: no journal
exists yet, so there is nothing to read, and it only stays.  It depends on nothing else of the node,
so that nothing else can delay an alert.
"""

import selectors
import signal
import socket
import sys

from tta_gateway.node.life import die_with_parent, tell
from tta_gateway.node.signals import Signals


def main() -> None:
    """Stay until asked to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to hear
    signals = Signals((signal.SIGTERM,))
    die_with_parent(signal.SIGTERM)
    channel = socket.socket(fileno=int(sys.argv[2]))
    tell(channel, b"ready 0")
    with selectors.DefaultSelector() as selector:
        selector.register(signals.fd, selectors.EVENT_READ)
        selector.select()


if __name__ == "__main__":
    main()
