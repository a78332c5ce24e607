"""A gateway whose hub serves channels, behind a line that can be cut, and tokens for it."""

import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.helpers.cuttable import Cuttable
from tests.helpers.issuing_gateway import Issuing, issuing

_SECRET: Final = b"a secret of tests that is long enough for the algorithm"
_ISSUER: Final = "https://platform.example.org"
ELSEWHERE: Final = "https://app.tta.test"
"""of another origin, whose pages may connect"""
CHANNELS: Final = {
    "session:{session_id}": {
        "publish": {},
        "presence": {},
        "join_leave": True,
        "keep": {"size": 5000, "time": "5m"},
        "message": "60KiB",
    },
    "short:{name}": {"publish": {}, "keep": {"size": 3, "time": "5m"}},
    "plain:{name}": {"publish": {}},
    "alerts:{team}": {"subscribe": {"roles": ["therapist"]}},
    "user:{user_id}": {
        "subscribe": {"access": {"owner": "user_id", "permission": "profile:read"}},
    },
}


@dataclass(frozen=True, slots=True)
class HubStage:
    """The gateway, and the line by which clients come to it."""

    gateway: Issuing
    line: Cuttable

    @property
    def url(self) -> str:
        """Where clients connect, by the line."""
        return f"ws://127.0.0.1:{self.line.port}/connection/websocket"

    @property
    def direct(self) -> str:
        """Where clients connect whose line is not cut."""
        return f"ws://127.0.0.1:{self.gateway.stage.port}/connection/websocket"


def token(subject: str, role: str = "player", *, lasts: float = 300.0, **more: object) -> str:
    """A token of an issuer beside the gateway, that lasts so many seconds."""
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": "tta", "sub": subject, "role": role, "iat": now, **more}
    parts = [{"alg": "HS256", "typ": "JWT"}, {**claims, "exp": int(time.time() + lasts)}]
    signed = ".".join(_text(json.dumps(one).encode()) for one in parts)
    return f"{signed}.{_text(hmac.digest(_SECRET, signed.encode(), hashlib.sha256))}"


def issuer(folder: Path) -> dict[str, object]:
    """That issuer, as a gateway is told of it; its secret is put into the folder."""
    secret = folder / "secret"
    secret.write_bytes(_SECRET)
    secret.chmod(0o600)
    return {
        "name": "platform",
        "issuer": _ISSUER,
        "audience": ["tta"],
        "secret": {"file": str(secret)},
        "own_subjects": True,
        "clock_skew": "0s",
        "roles": ["player", "therapist", "service"],
    }


@contextlib.contextmanager
def hub_stage(
    folder: Path,
    *special: Mapping[str, object],
    more: Mapping[str, object] | None = None,
    beside: Mapping[str, object] | None = None,
    whole: Mapping[str, object] | None = None,
    **connection: object,
) -> Iterator[HubStage]:
    """Start it, with two workers; `more` stands below `realtime`, and may have other channels.

    `special` are further routes, `beside` further services, `whole` further settings.
    """
    limits = {"ping": "4s", "pong": "3s", **connection}
    realtime = {"connection": limits, "channels": CHANNELS, **(more or {})}
    cors = {"origins": [ELSEWHERE]}
    with (
        issuing(
            folder,
            *special,
            identity={"issuers": [issuer(folder)]},
            realtime=realtime,
            cors=cors,
            beside=beside,
            **(whole or {}),  # type: ignore[arg-type]
        ) as gateway,
        Cuttable(gateway.stage.port) as line,
    ):
        gateway.stage.rest()
        yield HubStage(gateway, line)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
