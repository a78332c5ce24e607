"""Help lines from the command line: shown, and renewed by what is signed and newer."""

import json
from pathlib import Path

import pytest

from tests.helpers.command_line import run
from tests.helpers.configuration import PLAYERS, ROUTES
from tta_gateway.cli import helplines
from tta_gateway.features.safety import http_directory
from tta_gateway.features.safety.resources import NoResources, canonical
from tta_gateway.support.signature import new_key, sign

KEY = new_key()
PUBLIC = sign(b"", KEY)[1]
URL = "https://lines.test/"


def signed(day: str) -> bytes:
    line = {"name": "Lifeline", "call": "988", "text": "988", "url": "https://a.test"}
    tried = {"name": "Tried", "call": "1", "verified_on": "2026-11-26"}
    regions = {"US": {"emergency": "911", "lines": [line, tried]}}
    content = {"edition": day, "regions": regions}
    return json.dumps({"signed": content, "signature": sign(canonical(content), KEY)[0]}).encode()


@pytest.fixture
def lines(file: Path) -> Path:
    """The operator's own file."""
    made = file.parent / "lines.json"
    made.write_bytes(signed("2026-11-26"))
    made.chmod(0o640)
    own = f"safety: {{resources: {{file: lines.json, public_key: '{PUBLIC}'}}}}\n"
    file.write_text(PLAYERS + ROUTES + own)
    return made


def published(monkeypatch: pytest.MonkeyPatch, data: bytes | Exception) -> None:
    class Directory:
        def __init__(self, url: str) -> None:
            assert url == URL

        async def edition(self) -> bytes:
            if isinstance(data, Exception):
                raise data
            return data

    monkeypatch.setattr(http_directory, "HttpDirectory", Directory)


def test_every_line_is_shown_with_the_day_on_which_somebody_tried_it(
    file: Path, lines: Path
) -> None:
    assert lines.exists()
    assert run("helplines", "list", "-c", str(file)).output.splitlines() == [
        "edition 2026-11-26",
        "US  emergency 911",
        "US  call 988, text 988, https://a.test  Lifeline  not tried",
        "US  call 1  Tried  2026-11-26",
    ]


def test_lines_that_somebody_has_changed_are_not_shown(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tta_gateway.features.safety.resources.PINNED", PUBLIC)
    result = run("helplines", "list", "-c", str(file))
    assert (result.exit_code, "is not what has been signed" in result.stderr) == (2, True)


def test_a_newer_edition_takes_the_file_s_place(
    file: Path, lines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(monkeypatch, signed("2026-12-01"))
    result = run("helplines", "fetch", URL, "-c", str(file))
    assert (result.exit_code, result.output) == (
        0,
        f"{lines} is the edition of 2026-12-01 now\n",
    )
    assert lines.read_bytes() == signed("2026-12-01")
    assert lines.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in lines.parent.iterdir()) == [file.name, lines.name]


def test_the_same_edition_changes_nothing(
    file: Path, lines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(monkeypatch, signed("2026-11-26"))
    before = lines.stat().st_ino
    result = run("helplines", "fetch", URL, "-c", str(file))
    assert (result.exit_code, result.output) == (0, f"{lines} is the newest edition\n")
    assert lines.stat().st_ino == before


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (signed("2026-11-25"), "older than ours"),
        (signed("2026-12-01").replace(b"988", b"900"), "is not what has been signed"),
        (NoResources("cannot be had: the directory answers 500"), "cannot be had"),
    ],
)
def test_anything_else_changes_nothing_and_is_said(
    file: Path, lines: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | Exception, words: str
) -> None:
    published(monkeypatch, data)
    result = run("helplines", "fetch", URL, "-c", str(file))
    assert (result.exit_code, words in result.stderr) == (1, True)
    assert lines.read_bytes() == signed("2026-11-26")


def test_where_there_is_no_file_there_is_none_to_replace(file: Path) -> None:
    result = run("helplines", "fetch", URL, "-c", str(file))
    assert (result.exit_code, "there is no file to replace" in result.stderr) == (2, True)


def test_a_file_that_cannot_be_replaced_stays(lines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        helplines._replace(lines, b"new")
    assert lines.read_bytes() == signed("2026-11-26")
    assert len(list(lines.parent.glob(".lines.json.*"))) == 0
