"""Commands to try against the demonstration, in order: data, so that a test can run them too.

They belong to one bash session: each may use the variables that those before it have set.
"""

import secrets
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to try: what it shows, what to type, and a part of what it then prints."""

    title: str
    shell: str
    prints: str


COMMANDS: Final = (
    Command(
        "Register.  Asking to be an administrator does not help.",
        """\
curl -sS $GATEWAY/api/v1/auth/register --json @- <<END
{"username": "$NAME", "email": "$NAME@example.org", "password": "$PASSWORD", "role": "admin"}
END""",
        '"role":"player"',
    ),
    Command(
        "Log in, and keep the token.",
        """\
TOKEN=$(curl -sS $GATEWAY/api/v1/auth/login --json @- <<END | field access_token
{"username": "$NAME", "password": "$PASSWORD"}
END
)
AUTHORIZATION="Authorization: Bearer $TOKEN"
echo "a token of ${#TOKEN} characters\"""",
        "a token of",
    ),
    Command(
        "Ask who you are, and keep the id.",
        """\
PLAYER=$(curl -sS $GATEWAY/api/v1/auth/me -H "$AUTHORIZATION" | field user_id)
echo "you are $PLAYER\"""",
        "you are",
    ),
    Command(
        "Create a character, under the path that clients expect and no service has.",
        """\
URL=$GATEWAY/api/v1/players/$PLAYER/characters
CHARACTER=$(curl -sS $URL -H "$AUTHORIZATION" --json @- <<END | field character_id
{"name": "Mira", "appearance": {}, "background": {"name": "Mira"}, "therapeutic_profile": {}}
END
)
echo "Mira is $CHARACTER\"""",
        "Mira is",
    ),
    Command(
        "List your characters.",
        'curl -sS $GATEWAY/api/v1/characters -H "$AUTHORIZATION"',
        '"name":"Mira"',
    ),
    Command(
        "See your dashboard, under an older name.",
        'curl -sS $GATEWAY/api/players/$PLAYER/dashboard -H "$AUTHORIZATION"',
        '"active_characters":["',
    ),
    Command(
        "List the worlds, twice: two instances share the work.",
        """\
curl -sS -D - -H "$AUTHORIZATION" -o /dev/null $GATEWAY/api/v1/worlds/ \\
    -o /dev/null $GATEWAY/api/v1/worlds/ | grep -i x-instance""",
        "worlds-",
    ),
    Command(
        "Begin a session, and keep its id.",
        """\
SESSION=$(curl -sS $GATEWAY/api/v1/sessions -H "$AUTHORIZATION" --json @- <<END | field session_id
{
    "character_id": "$CHARACTER",
    "world_id": "world_lantern_road",
    "therapeutic_settings": {"intensity_level": "low"}
}
END
)
echo "the session is $SESSION\"""",
        "the session is",
    ),
    Command(
        "Send a message.",
        """\
curl -sS $GATEWAY/api/v1/conversation/send -H "$AUTHORIZATION" --json @- <<END
{"session_id": "$SESSION", "message": "I am a little anxious today."}
END""",
        '"response":"',
    ),
    Command(
        "Chat, over a WebSocket.",
        'TOKEN=$TOKEN "$PYTHON" -m examples.tta.chat $GATEWAY "I feel overwhelmed."',
        "ex_breathing",
    ),
    Command(
        "Say that you are in need: the answer brings help, and the team is called.",
        """\
curl -sS $GATEWAY/api/v1/conversation/send -H "$AUTHORIZATION" --json @- <<END
{"session_id": "$SESSION", "message": "I do not want to live any more."}
END""",
        '"crisis_resources":[{',
    ),
    Command(
        "As an operator: see that the team has heard of it.  What was said is not shown.",
        """\
for second in 1 2 3 4 5 6 7 8 9 10; do
    curl -sS $ADMIN/admin/v1/incidents -H "Authorization: Bearer $(cat $ADMIN_TOKEN)" |
        grep -o '"state": *"notified"' && break
    sleep 1
done""",
        "notified",
    ),
    Command(
        "As an operator: see what has been counted, with the token that the gateway made.",
        """\
curl -sS $ADMIN/metrics -H "Authorization: Bearer $(cat $ADMIN_TOKEN)" | grep requests_total""",
        'endpoint="/api/v1/auth/login",method="POST"',
    ),
    Command(
        "Ask for a service that does not exist: a problem names it.",
        "curl -sS $GATEWAY/api/v1/models/available",
        "models",
    ),
)

_FIELD: Final = """\
field() { "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }"""


def variables(gateway: str, admin: str, token: Path) -> str:
    """Return the lines that set what the commands use, with a name and password made afresh."""
    return "\n".join(
        (
            f"GATEWAY={gateway}",
            f"ADMIN={admin}",
            f"ADMIN_TOKEN={shlex.quote(str(token))}",
            f"NAME=mira-{secrets.token_hex(4)}",
            f"PASSWORD={secrets.token_urlsafe(12)}-aA1.",
            f"PYTHON={shlex.quote(sys.executable)}",
            "export no_proxy=127.0.0.1,${no_proxy:-}",
            _FIELD,
        )
    )
