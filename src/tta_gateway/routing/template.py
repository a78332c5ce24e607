"""Path templates: `/players/{player_id}/characters`, and `{rest:path}` for all that follows."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from tta_gateway.kernel.route import Route

_SEGMENT: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")
_LITERAL: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,=:@%\[\]|^`]*")


class TemplateError(ValueError):
    """The text is not a template; the message says why."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: a literal, or (with a name) any one segment, or (`tail`) all that follow."""

    literal: bytes = b""
    name: str = ""
    tail: bool = False


def parse(text: str) -> tuple[Segment, ...]:
    """Return the segments of a template; TemplateError if it is none."""
    if not text.startswith("/"):
        raise TemplateError("a path begins with `/`")
    parts = text.split("/")[1:]
    segments = tuple(_segment(part) for part in parts)
    if any(segment.tail for segment in segments[:-1]):
        raise TemplateError("`{name:path}` takes all that follows, so it stands last")
    if any(not part for part in parts[:-1]):
        raise TemplateError("an empty segment (`//`) never matches")
    names = [segment.name for segment in segments if segment.name]
    if len(names) != len(set(names)):
        raise TemplateError("a name stands in the path twice")
    return segments


def _segment(part: str) -> Segment:
    match = _SEGMENT.fullmatch(part)
    if match is not None:
        return Segment(name=match[1], tail=match[2] is not None)
    if not _LITERAL.fullmatch(part) or part in (".", ".."):
        raise TemplateError(f"`{part}` is neither a literal segment nor `{{name}}`")
    return Segment(literal=part.encode())


def names(text: str) -> tuple[str, ...]:
    """Return the names in a template, in order."""
    return tuple(segment.name for segment in parse(text) if segment.name)


def other_slash(route: Route, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Return the template with its last slash the other way, () where that is no path of its."""
    if route.trailing_slash == "strict" or segments[-1].tail:
        return ()
    return segments[:-1] if segments[-1] == Segment() else (*segments, Segment())


def raw_values(segments: tuple[Segment, ...], path: bytes) -> dict[str, bytes]:
    """Return the values that the names of a template have in a path, still encoded."""
    parts = path.split(b"/")[1:]
    values = {one.name: part for one, part in zip(segments, parts, strict=False) if one.name}
    if segments[-1].tail:
        values[segments[-1].name] = b"/".join(parts[len(segments) - 1 :])
    return values


def fill(segments: tuple[Segment, ...], values: dict[str, bytes]) -> bytes:
    """Return the path that a template makes of raw values."""
    parts = [values[one.name] if one.name else one.literal for one in segments]
    return b"/" + b"/".join(parts)


def decoded(value: bytes) -> str:
    """Return a raw segment's value as text."""
    if b"%" in value:
        value = unquote_to_bytes(value)
    return value.decode() if value.isascii() else value.decode("utf-8", "replace")
