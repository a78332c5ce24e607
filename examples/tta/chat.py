"""Talk to /ws/chat: `TOKEN=… python -m examples.tta.chat http://127.0.0.1:8080 "Hello."`.

Sends each message, or without any each line of the input, and prints the frames that come back.
The token goes in a header, so that it stands in no log.
"""

import json
import sys

import click
from websockets.sync.client import ClientConnection, connect


@click.command()
@click.argument("gateway")
@click.argument("messages", nargs=-1)
@click.option("--token", envvar="TOKEN", required=True, help="An access token; or set TOKEN.")
@click.option("--typing/--no-typing", help="Ask for typing events as well.")
def main(gateway: str, messages: tuple[str, ...], token: str, typing: bool) -> None:
    """Send MESSAGES to the chat behind GATEWAY."""
    address = f"{gateway.replace('http', 'ws', 1)}/ws/chat{'?typing=1' if typing else ''}"
    headers = {"Authorization": f"Bearer {token}"}
    with connect(address, additional_headers=headers, proxy=None) as socket:
        click.echo(socket.recv())  # the welcome
        for text in messages or map(str.strip, sys.stdin):
            _say(socket, text)


def _say(socket: ClientConnection, text: str) -> None:
    """Send one message, and print frames until one of them is the answer."""
    socket.send(json.dumps({"type": "user_message", "content": {"text": text}}))
    for frame in socket:
        click.echo(frame)
        if _answers(json.loads(frame)):
            return


def _answers(frame: dict[str, dict[str, str] | str]) -> bool:
    """Return whether the frame is a reply or an error, and not an event on the way there."""
    return "text" in frame["content"]


if __name__ == "__main__":
    main()
