"""The compiler: `python -m tta_gateway.node.compile_main FILE VERSION SNAPSHOT_FD`.

Reads the configuration in a process of its own, so that the supervisor need not know pydantic.  It
writes the snapshot, plain and sealed, and exits 0, or every complaint on standard error, a line
each, and exits 2.
"""

import os
import sys
from pathlib import Path

from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import load
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.sealed import compiled


def main() -> None:
    """Compile."""
    file, version, fd = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    try:
        loaded = load(file, os.environ)
    except ConfigError as error:
        sys.stderr.write("".join(f"{complaint}\n" for complaint in error.complaints))
        sys.exit(2)
    state = Path(loaded.settings.state_dir)
    try:
        result = compiled(encode(compile_snapshot(loaded.settings, version)), state)
    except OSError as error:
        sys.stderr.write(f"state_dir: {error}\n")
        sys.exit(2)
    with os.fdopen(fd, "wb") as out:
        out.write(result)


if __name__ == "__main__":
    main()
