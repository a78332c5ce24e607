"""The compiler: `python -m tta_gateway.node.compile_main FILE VERSION SNAPSHOT_FD KNOWN_LOG`.

Reads the configuration in a process of its own, so that the supervisor need not know pydantic.  It
writes the snapshot, plain and sealed, and exits 0, or every complaint on standard error, a line
each, and exits 2.  An access log other than the known one must open: that one may hang by now, and
something else be mended all the same.  An older supervisor names none.
"""

import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

from tta_gateway.kernel.errors import ConfigError
from tta_gateway.node.log_path import KEY, complaint, path_of
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.sealed import compiled
from tta_gateway.support.uncollected import Uncollected

with Uncollected():
    from tta_gateway.settings.compile import compile_snapshot
    from tta_gateway.settings.complaint import Complaint
    from tta_gateway.settings.load import load


def compiled_file(file: Path, version: int, *, known_log: str = "") -> bytes:
    """Return what a file compiles into; ends the process with what is wrong with it."""
    try:
        loaded = load(file, os.environ)
        snapshot = compile_snapshot(loaded.settings, version)
    except ConfigError as error:
        refuse(error.complaints)
    path = path_of(snapshot)
    words = complaint(path) if path not in ("", known_log) else ""
    if words:
        place = loaded.document.place(KEY)
        refuse([Complaint(place, KEY, words).line(str(file))])
    try:
        return compiled(encode(snapshot), Path(loaded.settings.state_dir))
    except OSError as error:
        refuse([f"state_dir: {error}"])


def refuse(complaints: list[str]) -> NoReturn:
    """End the process with these words."""
    sys.stderr.write("".join(f"{complaint}\n" for complaint in complaints))
    sys.exit(2)


def main() -> None:
    """Compile."""
    file, version, fd = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    data = compiled_file(file, version, known_log="".join(sys.argv[4:]))
    with os.fdopen(fd, "wb") as out:
        out.write(data)
    gc.freeze()  # as in control_main.py


if __name__ == "__main__":
    main()
