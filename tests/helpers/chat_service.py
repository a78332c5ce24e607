"""A chat service as a process of its own, so that it can be killed: it names itself, and echoes.

    python -m tests.helpers.chat_service <port> <name>

It says first who it is and how it was asked; then back what it hears.  `count <n>` has it say
numbers, `close <code>` end the socket, and `burst <n>` numbers without a pause.
"""

import json
import sys
import time

from websockets.sync.server import ServerConnection, serve


def talk(name: str, socket: ServerConnection) -> None:
    """Talk to one client."""
    request = socket.request
    assert request is not None
    fields = {key.lower(): value for key, value in request.headers.raw_items()}
    socket.send(json.dumps({"from": name, "path": request.path, "fields": fields}))
    for message in socket:
        assert isinstance(message, str)
        word, _, rest = message.partition(" ")
        if word == "close":
            socket.close(int(rest), "as asked")
        elif word in ("count", "burst"):
            for number in range(int(rest)):
                socket.send(f"{number}")
                time.sleep(0.02 if word == "count" else 0)
        else:
            socket.send(json.dumps({"from": name, "heard": message}))


def main() -> None:
    """Serve."""
    port, name = int(sys.argv[1]), sys.argv[2]
    with serve(lambda socket: talk(name, socket), "127.0.0.1", port) as server:
        print("ready", flush=True)  # noqa: T201 - whoever has started it waits for this
        server.serve_forever()


if __name__ == "__main__":
    main()
