"""Last words: what a process says of an exception that nobody has caught, and of libraries' logs.

Python would write the exception's text to standard error, and with it whatever somebody wrote.
Here it says the kind and the places, and of the text what is left of it when it is scrubbed.
"""

import contextlib
import logging
import sys
import threading
from types import TracebackType
from typing import Final

from tta_gateway.support.clock import Stamp, SystemClock
from tta_gateway.support.places import places
from tta_gateway.support.redaction.field import line
from tta_gateway.support.redaction.pseudonym import Pseudonyms

_people: Final = Pseudonyms()
_stamp: Final = Stamp(SystemClock().wall)


def install() -> None:
    """Have this process speak so from now on."""
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    logging.basicConfig(handlers=[Scrubbing()], level=logging.WARNING, force=True)


def worded(event: str, error: BaseException | None, message: str = "") -> bytes:
    """Return a line about an exception, without what somebody may have written."""
    fields: dict[str, object] = {}
    if error is not None:
        fields = {"error": f"{type(error).__name__}: {error}", "where": places(error)}
    if message:
        fields["message"] = message
    return line(_stamp.text(), event, fields, _people.of)


class Scrubbing(logging.Handler):
    """Writes what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        error = record.exc_info[1] if record.exc_info else None
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 - of a library's own words, which whoever logs cannot mend
            said = "its message cannot be read"
        _write(worded("library_said", error, f"{record.name}: {said}"))


def _uncaught(
    kind: type[BaseException],  # noqa: ARG001 - Python's
    error: BaseException,
    trace: TracebackType | None,  # noqa: ARG001 - likewise
) -> None:
    if not isinstance(error, KeyboardInterrupt):
        _write(worded("uncaught", error))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread is not None else ""
    _write(worded("uncaught_in_thread", args.exc_value, name))


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    _write(worded("unraisable", args.exc_value))


def _write(said: bytes) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # it is shut, or nobody reads it
            sys.stderr.write(said.decode() + "\n")
            sys.stderr.flush()
