"""Field lines: from the bytes of a header section to fields, and to what means something here.

llhttp has judged the section already; each line is judged here again when it is first seen, by the
grammar of RFC 9110 5, and remembered: clients and services send the same lines over and over (who
they are, what they accept).  The memory is bounded, and never holds a line that may carry a secret.
"""

from typing import Final, TypeAlias

from tta_gateway.kernel.message import Field, Fields
from tta_gateway.wire.field import CONTROLS, Kind, known

Special: TypeAlias = tuple[int, bytes, bytes]

_MOST_LINES: Final = 4096
_LONGEST_LINE: Final = 200
_SECRET: Final = frozenset(
    (b"authorization", b"cookie", b"set-cookie", b"x-api-key", b"x-auth-token", b"idempotency-key")
)
_plain: dict[bytes, Field] = {}
_special: dict[bytes, Special] = {}
_MALFORMED: Final[Special] = (int(Kind.LOOKALIKE), b"", b"")
_PLAIN: Final = int(Kind.PLAIN)
_LOOKALIKE: Final = int(Kind.LOOKALIKE)


def read(lines: list[bytes], begin: int) -> tuple[Fields, list[Special]]:
    """Return the plain fields of these lines, and the others with their kinds, both in order."""
    fields: Fields = []
    specials: list[Special] = []
    # One look-up for most lines, no call: bench/paper.py, 10 µs a request against parsing each.
    find = _plain.get
    for line in lines[begin:]:
        field = find(line)
        if field is not None:
            fields.append(field)
            continue
        special = _special.get(line) or _judge(line)
        if special[0]:
            specials.append(special)
        else:
            fields.append(special[1:])
    return fields, specials


def _judge(line: bytes) -> Special:
    """Return what a line says; LOOKALIKE if it is not a field line at all."""
    name, colon, value = line.partition(b":")
    value = value.strip(b" \t")
    if not colon or len(value.translate(None, CONTROLS)) != len(value):
        return _MALFORMED
    lower, kind = known(name)
    if kind == _LOOKALIKE:
        return _MALFORMED
    secret = lower.replace(b"_", b"-") in _SECRET  # X_Api_Key is one too
    if len(line) <= _LONGEST_LINE and not secret:
        _remember(line, kind, (lower, value))
    return kind, lower, value


def _remember(line: bytes, kind: int, field: Field) -> None:
    """Keep the line's meaning; begin anew when there are too many."""
    if len(_plain) + len(_special) >= _MOST_LINES:
        _plain.clear()
        _special.clear()
    if kind == _PLAIN:
        _plain[line] = field
    else:
        _special[line] = (kind, *field)
