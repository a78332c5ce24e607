"""The compiler: `python -m tta_gateway.node.compile_main FILE VERSION SNAPSHOT_FD`.

Reads the configuration in a process of its own, so that the supervisor need not know pydantic.  It
writes the snapshot, plain and sealed, and exits 0, or every complaint on standard error, a line
each, and exits 2.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import load
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.sealed import compiled


def compiled_file(file: Path, version: int) -> bytes:
    """Return what a file compiles into; ends the process with what is wrong with it."""
    try:
        loaded = load(file, os.environ)
    except ConfigError as error:
        refuse(error.complaints)
    state = Path(loaded.settings.state_dir)
    try:
        return compiled(encode(compile_snapshot(loaded.settings, version)), state)
    except OSError as error:
        refuse([f"state_dir: {error}"])


def refuse(complaints: list[str]) -> NoReturn:
    """End the process with these words."""
    sys.stderr.write("".join(f"{complaint}\n" for complaint in complaints))
    sys.exit(2)


def main() -> None:
    """Compile."""
    file, version, fd = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    data = compiled_file(file, version)
    with os.fdopen(fd, "wb") as out:
        out.write(data)


if __name__ == "__main__":
    main()
