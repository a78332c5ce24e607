"""What a line may say, and that nothing in the code has a way round."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import tta_gateway
from tta_gateway.features.access_log.line import Line
from tta_gateway.kernel import events
from tta_gateway.support.redaction.field import FIELDS, WITHHELD, label, line, shown

SOURCE = Path(tta_gateway.__file__).parent
MARK = "zqsomebody wrote thiszq"
TELLERS = frozenset(("event", "tell", "_tell", "_log"))
OF_ALERTS = ("cause", "labels", "recovery", "severity", "alert")
UNLOGGED = frozenset(("summary", "seen", "counts", "correlation"))  # withheld, or never logged


def people(person: str) -> str:
    return f"<{len(person)}>"


def test_what_is_on_no_list_is_withheld() -> None:
    assert shown("body", MARK, people) == WITHHELD
    assert shown("endpoint", object(), people) == WITHHELD


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("slot", 7, 7),
        ("over", False, False),
        ("next_in", 0.5, 0.5),
        ("service", None, None),
        ("service", "game", "game"),
        ("subject", "ada", "<3>"),
        ("by", "administration", "administration"),
        ("user", 17, WITHHELD),
        ("error", "no such user: ada@clinic.example", "no such user: [mail]"),
        ("complaints", ["call +49 30 1234567"], ["call [number]"]),
        ("labels", {"service": "game", "ada@x.example": "a"}, {"service": "game", "[mail]": "a"}),
        ("where", [[[[["deep"]]]]], [[[[WITHHELD]]]]),
        ("route", "see ada@clinic.example", "see [mail]"),
    ],
)
def test_a_field_says_what_it_may(name: str, value: object, told: object) -> None:
    assert shown(name, value, people) == told


def test_a_label_is_a_name() -> None:
    assert label("/players/{id}") == "/players/{id}"
    assert label("ada@clinic.example") == "[mail]"
    assert label("eyJhbGciOi.eyJzdWIi.x") == "[token]"


def test_a_line_is_json_with_its_moment_and_event() -> None:
    made = line("now", "went", {"slot": 1, "a b": 2}, people)
    assert json.loads(made) == {"ts": "now", "event": "went", "slot": 1, "a b": WITHHELD}


def test_every_field_that_the_code_writes_is_on_the_list() -> None:
    written = {name for path in _sources() for name in _written(path)}
    assert written - FIELDS.keys() - UNLOGGED == set()


def test_every_field_of_an_event_is_on_the_list() -> None:
    kinds = [one for one in vars(events).values() if isinstance(one, type)]
    told = {
        field.name
        for kind in kinds
        if issubclass(kind, msgspec.Struct)
        for field in msgspec.structs.fields(kind)
    }
    assert told - FIELDS.keys() - UNLOGGED == set()


def test_nobody_else_puts_lines_into_logs() -> None:
    """Lines are made by EventLog, the access log and the thread that writes them alone."""
    ways = ("put_line", "_lines.put(", 'files[""].put(')
    found = {
        str(path.relative_to(SOURCE))
        for path in _sources()
        if any(way in path.read_text() for way in ways)
    }
    assert found == {"features/access_log/policy.py", "support/log.py", "support/log_socket.py"}
    assert len(msgspec.structs.fields(Line)) == 18  # a new field needs a look at what it may say


def test_nobody_prints_or_logs_by_the_way() -> None:
    """Standard output and error are written by the log's own file, commands, and last words."""
    allowed = {"support/log.py", "node/last_words.py", "node/compile_main.py"}
    found = {
        str(path.relative_to(SOURCE))
        for path in _sources()
        if not path.is_relative_to(SOURCE / "cli")
        and not path.is_relative_to(SOURCE / "client")
        and re.search(r"stderr\.write|\bprint\(|getLogger\(", path.read_text())
    }
    assert found <= allowed


def _sources() -> Iterator[Path]:
    return SOURCE.rglob("*.py")


def _written(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        first = node.args[0] if node.args else None
        is_named = isinstance(first, ast.Constant) and isinstance(first.value, str)
        is_event = node.func.attr == "event" or (node.func.attr in TELLERS and is_named)
        if is_event and "cli" not in path.parts:
            yield from (one.arg for one in node.keywords if one.arg is not None)
