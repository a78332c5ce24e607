"""What a process says of exceptions that nobody caught: kind and place, and nobody's words."""

import json
import logging
import sys
import threading

import pytest

from tta_gateway.node import last_words

MARK = "ada@clinic.example 4111111111111111"


def an_error() -> ValueError:
    with pytest.raises(ValueError, match="ada") as caught:
        int(MARK)
    return caught.value


def test_an_exception_is_told_without_what_is_somebodys() -> None:
    said = last_words.worded("uncaught", an_error())
    told = json.loads(said)
    assert told["error"] == "ValueError: invalid literal for int() with base 10: '[mail] [number]'"
    assert "test_last_words.py:" in told["where"][-1]
    assert b"ada@" not in said


def test_whatever_a_process_says_goes_that_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for owner, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    last_words.install()
    error = an_error()
    sys.excepthook(ValueError, error, None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    threading.excepthook(threading.ExceptHookArgs((ValueError, error, None, None)))
    logging.getLogger("asyncio").error("never retrieved: %s", MARK, exc_info=error)
    sys.unraisablehook(_Unraisable(error))  # type: ignore[arg-type]
    said = capsys.readouterr().err
    events = [json.loads(one)["event"] for one in said.splitlines()]
    assert events == ["uncaught", "uncaught_in_thread", "library_said", "unraisable"]
    assert "ada@" not in said


def test_to_log_never_fails_whatever_a_library_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = last_words.Scrubbing()
    handler.emit(logging.LogRecord("lib", 30, "", 0, "%d", ("no number",), None))
    assert "its message cannot be read" in capsys.readouterr().err
    handler.emit(logging.LogRecord("lib", 30, "", 0, "half \ud800", (), None))
    assert "half ?" in capsys.readouterr().err

    class Shut:
        def write(self, _: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Shut())
    handler.emit(logging.LogRecord("lib", 30, "", 0, "nobody reads it", (), None))


class _Unraisable:
    """What Python gives the hook."""

    def __init__(self, error: ValueError) -> None:
        self.exc_value = error
