"""Assertions: what must be so of a JSON body, such as `$.status == "healthy"`.  Pure.

    path  operator  value         $.status == "healthy"      $.checks[0].ok != false
                                  $.status in ["healthy", "degraded"]

A path begins with `$` and goes on with `.name`, `["any name"]` or `[index]`.  Values are JSON's
scalars; true is not 1.  Of what the body does not have, nothing is so.  JMESPath would need other
quotes and no `$`, and can do much that nobody should ask of a health check.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

import msgspec

Scalar: TypeAlias = str | int | float | bool | None
Operator: TypeAlias = Literal["==", "!=", "in"]

EXAMPLE: Final = '$.status == "healthy"'
_WHOLE: Final = re.compile(
    r'\s*\$(?P<path>(?:\["[^"\\]+"\]|\[(?!")|[^\s=!\[])*)\s*(?P<operator>==|!=|\bin\b)\s*(?P<value>.+)'
)
_STEP: Final = re.compile(r'\.([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,6})\]|\["([^"\\]+)"\]')
_LONGEST: Final = 60  # characters of a value that is told
_HOW: Final = f'`{EXAMPLE}`, `!=`, or `in ["healthy", "degraded"]` make one'


@dataclass(frozen=True, slots=True)
class Assertion:
    """What must be so: the value at a path is this one, is not, or is one of these."""

    path: tuple[str | int, ...]
    operator: Operator
    values: tuple[Scalar, ...]

    def why_not(self, document: object) -> str:
        """Return why it is not so, nothing if it is."""
        found = document
        for step in self.path:
            there, found = _below(found, step)
            if not there:
                return f"its body has no `{self._place()}`"
        same = any(_is_same(found, one) for one in self.values)
        if same is (self.operator != "!="):
            return ""
        return f"`{self._place()}` is {_said(found)}"

    def _place(self) -> str:
        return "$" + "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in self.path)


def parse(text: str) -> Assertion:
    """Return the assertion that a text makes; ValueError if it makes none."""
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise ValueError(f"is not an assertion about JSON: {_HOW}")
    operator = cast("Operator", match["operator"])  # as the pattern has it
    return Assertion(_steps(match["path"]), operator, _values(match["value"], operator))


def _steps(text: str) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(
                f'`${text}` is not a path: `.name`, `[0]` and `["a name"]` lead on from `$`'
            )
        steps.append(int(match[2]) if match[2] else match[1] or match[3])
        at = match.end()
    return tuple(steps)


def _values(text: str, operator: Operator) -> tuple[Scalar, ...]:
    try:
        value = msgspec.json.decode(text, type=object)
    except msgspec.DecodeError:
        raise ValueError(f"`{text}` is not JSON: text stands in double quotes; {_HOW}") from None
    values = value if operator == "in" else [value]
    if not isinstance(values, list) or not values or not all(map(_is_scalar, values)):
        raise ValueError(f"`{text}` cannot be compared: {_HOW}")
    return tuple(cast("list[Scalar]", values))  # each has been looked at


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _below(value: object, step: str | int) -> tuple[bool, object]:
    """Tell whether there is something below a value, and what."""
    if isinstance(step, int):
        there = isinstance(value, list) and step < len(value)
        return there, cast("list[object]", value)[step] if there else None
    there = isinstance(value, dict) and step in value
    return there, cast("dict[str, object]", value)[step] if there else None


def _is_same(found: object, wanted: Scalar) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return found == wanted


def _said(value: object) -> str:
    """Return a value as it stands in JSON, the beginning of it at least."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
