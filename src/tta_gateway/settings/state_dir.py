"""Where a running gateway has its state, asked of a file that may be broken.

Whoever looks after a gateway needs it just when the file has been refused: so only one key of the
file is read, and the rest may be anything.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tta_gateway.settings.document import Document, Value, read
from tta_gateway.settings.environment import PREFIX, overlay
from tta_gateway.settings.tree import Settings

_KEY: Final = "state_dir"
_LINE: Final = re.compile(rf"^{_KEY}[ \t]*:.*$", re.MULTILINE)


def state_dir(file: Path, environ: Mapping[str, str]) -> str:
    """Return the state folder that environment or file name, or that of a file which names none."""
    name = f"{PREFIX}{_KEY.upper()}"
    document = Document(tree={_KEY: _written(file)})
    overlay(document, {name: environ[name]} if name in environ else {})
    return _of(document.tree) or str(Settings.model_fields[_KEY].default)


def _written(file: Path) -> str:
    try:
        text = file.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError:
        return ""
    document = read(text)
    if not document.is_broken:
        return _of(document.tree)
    line = _LINE.search(text)
    return "" if line is None else _of(read(line[0]).tree)


def _of(tree: Value) -> str:
    found = tree.get(_KEY) if isinstance(tree, dict) else None
    return found if isinstance(found, str) else ""
