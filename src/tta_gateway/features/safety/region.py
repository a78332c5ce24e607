"""Where somebody is, and what they read: what a request says of both, taken with care."""

import re
from collections.abc import Collection
from typing import Final

_LONGEST: Final = 512
"""Bytes of a field that are read; a browser sends some fifty."""
_MOST: Final = 16
"""languages of a field that are looked at"""
_COUNTRY: Final = re.compile("[A-Za-z]{2}")
_ALSO: Final = {"UK": "GB"}
"""What many write for a code, which no other country has."""
_QUALITY: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def country(value: object) -> str:
    """Return the code of a country in upper case; nothing where it is none."""
    if not isinstance(value, str) or not _COUNTRY.fullmatch(value):
        return ""
    code = value.upper()
    return _ALSO.get(code, code)


def accepted(field: bytes | None) -> list[tuple[str, str]]:
    """Return the languages of Accept-Language (RFC 9110 12.5.4), each with its country, if any.

    The best liked comes first.  What is no language is left out.
    """
    ranked = []
    for place, one in enumerate((field or b"")[:_LONGEST].decode("latin-1").split(",")[:_MOST]):
        tag, _, parameters = one.partition(";")
        quality = _quality(parameters.replace(" ", "").lower())
        parts = tag.strip().replace("_", "-").split("-")
        if quality > 0 and re.fullmatch("[A-Za-z]{2,3}", parts[0]):
            found = next((part for part in parts[1:] if _COUNTRY.fullmatch(part)), "")
            ranked.append((-quality, place, parts[0].lower(), country(found)))
    return [(language, region) for _, _, language, region in sorted(ranked)]


def _quality(parameters: str) -> float:
    if not parameters:
        return 1.0
    match = _QUALITY.fullmatch(parameters)
    return float(match[1]) if match else 0.0


def language_of(field: bytes | None, known: Collection[str], default: str) -> str:
    """Return the first language of the field that is known."""
    return next((language for language, _ in accepted(field) if language in known), default)


def region_of(field: bytes | None, known: Collection[str]) -> str:
    """Return the first country of the field that is known; nothing where it says none.

    It is a guess: many browsers say `en-US` all over the world.
    """
    return next((region for _, region in accepted(field) if region and region in known), "")
