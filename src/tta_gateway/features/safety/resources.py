"""Help lines as a file: by region, dated and signed; a file that has been changed is refused.

    {"signed": {"edition": "2026-11-26", "regions": {"US": {"emergency": "911", "lines": […]}}},
     "signature": "…"}

The signature (Ed25519) is over the canonical bytes of `signed`: JSON with sorted names and without
white space, in UTF-8.  The package's own file is proved with the key that is pinned here, whose
private half nobody has kept: scripts/sign_resources.py makes another for each edition.  It shows
that a file is the one which came with the code; it cannot show that a number is right.
"""

import json
import re
from collections.abc import Mapping
from importlib import resources as packaged
from typing import Final

import msgspec

from tta_gateway.features.safety.bound import Line, Region
from tta_gateway.support.signature import NotSigned, verify

PINNED: Final = "4D2XiEA8fR6xqSqKwwffcqjgP10vFSwPTjqbpPgnTY8="
SHIPPED: Final = "resources.json"
_DAY: Final = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
_COUNTRY: Final = re.compile("[A-Z]{2}")
_NUMBER: Final = re.compile(r"\+?[0-9][0-9 ()/-]{0,30}")


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds: the day of its edition, and regions by their code."""

    edition: str
    regions: dict[str, Region]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signed: dict[str, object]
    signature: str


class NoResources(ValueError):
    """The file holds no help lines that may be shown; the message says why."""


def shipped() -> Resources:
    """Return the help lines of the package; NoResources if somebody has changed them."""
    return read(packaged.files(__package__).joinpath(SHIPPED).read_bytes(), key=PINNED)


def read(data: bytes, *, key: str) -> Resources:
    """Return the help lines of a file that the owner of this public key has signed.

    NoResources if they are not signed so, are not of this form, or could not be shown.
    """
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NoResources(f"is no file of help lines: {error}") from None
    try:
        verify(canonical(file.signed), signature=file.signature, key=key)
    except NotSigned as error:
        raise NoResources(f"{error}: sign it anew with scripts/sign_resources.py") from None
    return checked(file.signed)


def canonical(signed: Mapping[str, object]) -> bytes:
    """Return the bytes that are signed."""
    return json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def checked(signed: Mapping[str, object]) -> Resources:
    """Return what is signed; NoResources if it could not be shown to anybody."""
    try:
        found = msgspec.convert(signed, Resources)
    except msgspec.ValidationError as error:
        raise NoResources(f"is no file of help lines: {error}") from None
    for words in _complaints(found):
        raise NoResources(words)
    return found


def _complaints(found: Resources) -> list[str]:
    """Return what is wrong with help lines."""
    wrong = [] if _DAY.fullmatch(found.edition) else ["`edition` is no day: write `2026-11-26`"]
    for code, region in found.regions.items():
        wrong += [
            f"regions.{code}: `{name}` is no code of a country, such as `US`"
            for name in (code, *region.members)
            if not _COUNTRY.fullmatch(name)
        ]
        if not _NUMBER.fullmatch(region.emergency):
            wrong.append(f"regions.{code}.emergency: `{region.emergency}` is no number to call")
        wrong += [f"regions.{code}: {words}" for line in region.lines if (words := _of_line(line))]
    return wrong


def _of_line(line: Line) -> str:
    """Return what is wrong with a line, if anything is."""
    if not line.name.strip() or not line.name.isprintable():
        return "a line needs a name"
    if not (line.call or line.text or line.url):
        return f"`{line.name}` cannot be reached: write `call`, `text` or `url`"
    if any(one and not _NUMBER.fullmatch(one) for one in (line.call, line.text)):
        return f"`{line.name}`: what is called or written to must be a number"
    if line.url and not line.url.startswith("https://"):
        return f"`{line.name}`: `url` must begin with https://"
    if line.verified_on and not _DAY.fullmatch(line.verified_on):
        return f"`{line.name}`: `verified_on` is no day: write `2026-11-26`"
    return ""


def unverified(found: dict[str, Region]) -> int:
    """Return how many lines nobody has tried."""
    return sum(not line.verified_on for region in found.values() for line in region.lines)
