"""Exposure: warnings of secrets that others than the gateway could read."""

import contextlib
from pathlib import Path
from typing import Final

from tta_gateway.settings.complaint import Complaint, Mark, lines
from tta_gateway.settings.load import Loaded
from tta_gateway.settings.secret import HIDDEN, Secret, secrets_of

_OTHERS: Final = 0o007  # what everybody on the machine may do


def warnings(loaded: Loaded, file: str) -> list[str]:
    """Return a line for each secret that stands where it should not."""
    found = []
    for path, secret in secrets_of(loaded.settings):
        place = loaded.document.place(path)
        word = _word(secret, in_file=isinstance(place, Mark))
        if word:
            found.append(Complaint(place, path, f"warning: {word}"))
    return lines(found, file)


def _word(secret: Secret[object], *, in_file: bool) -> str:
    if secret.file is not None:
        return _of_file(secret.file.path)
    if in_file and isinstance(secret.shown, str) and HIDDEN in secret.shown:
        return (
            "holds a password, for all to know who may read this file: write `{file: …}` with the "
            "path of a file that holds the whole value, or `{env: …}` with the name of a variable"
        )
    return ""


def _of_file(path: str) -> str:
    with contextlib.suppress(OSError):  # it has gone since it was read
        if Path(path).stat().st_mode & _OTHERS:
            return f"`{path}` may be read by everybody on this machine: `chmod o= {path}`"
    return ""
