"""Tokens: whatever comes is read in one way, as another library reads it, or is none."""

import json
from collections.abc import Hashable
from typing import Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from tests.fuzz.contract import Pieces, Target, demand
from tests.fuzz.seeds import own
from tta_gateway.features.identity.algorithm import Fault, who
from tta_gateway.features.identity.bound import Issuer
from tta_gateway.features.identity.jws import Malformed, Signed, encoded, objects, read
from tta_gateway.features.identity.key import secret
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.principal import Principal

_SECRET: Final = b"k" * 32
_ISSUER: Final = Issuer(name="home", issuer="https://home")
_NOW: Final = 1_800_000_000.0
_VERIFIER: Final = Verifier([(_ISSUER, [secret(_SECRET)])])


def check(pieces: Pieces) -> Hashable:
    """Read one token, and what it says."""
    data = b"".join(pieces)
    proved = _VERIFIER.prove(data, _NOW)
    found = _read(data)
    if found is None:
        demand(not isinstance(proved, Principal), "what is no token is nobody's", data)
        return "none"
    demand(data.count(b".") == 2, "a token has three parts", data)
    written = b".".join((data.split(b".")[0], encoded(found.payload), encoded(found.signature)))
    demand(written == data, "it is written in the one way", data)
    if isinstance(proved, Principal):
        demand(_others_believe(data), "another library believes it, too", data)
        demand(
            proved.roles <= {"player"}, "it has no roles but those that its issuer may say", data
        )
    return found.algorithm[:8], bool(found.key_id), found.type[:8], _said(found)


def _said(found: Signed) -> str:
    try:
        claims = objects(found.payload)
    except Malformed as error:
        return str(error)
    demand(json.loads(json.dumps(claims)) == claims, "claims are plain JSON", found.payload)
    told = who(claims, _ISSUER, _NOW)
    return told.value if isinstance(told, Fault) else "somebody"


def _others_believe(data: bytes) -> bool:
    try:
        jws.deserialize_compact(data, OctKey.import_key(_SECRET), algorithms=["HS256"])
    except (JoseError, ValueError):
        return False
    return True


def _read(data: bytes) -> Signed | None:
    try:
        return read(data)
    except Malformed:
        return None


def alone(pieces: Pieces) -> None:
    """Only read."""
    _VERIFIER.prove(b"".join(pieces), _NOW)


def _seeds() -> list[bytes]:
    return own("token")


TARGET = Target(
    name="token",
    check=check,
    alone=alone,
    seeds=_seeds,
    share=1,
    tokens=(
        b".", b"..", b"e30", b"eyJ", b"=", b"_", b"-", b"A", b"eyJhbGciOiJIUzI1NiJ9",
        b"eyJhbGciOiJub25lIn0", b"eyJhbGciOiJIUzI1NiIsImNyaXQiOltdfQ", b"W10", b"W1tbW1tb",
        b"eyJhIjoxLCJhIjoyfQ", b"eyJhIjpOYU59", b"\x00", b"\xff", b"\n",
    ),
)  # fmt: skip
