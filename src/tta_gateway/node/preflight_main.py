"""The preflight: `python -m tta_gateway.node.preflight_main FILE VERSION SNAPSHOT_FD …`.

Behind these stand HANDOVER_FD and, for the compiler, KNOWN_LOG.

Imports every process of the node as it is installed now, compiles the configuration with it, reads
what the running node would hand over, and looks whether its Valkey can read the data: before a
running gateway becomes the new one, this process has to have ended well.
"""

import os
import sys
from pathlib import Path

import msgspec

from tta_gateway.node import (
    compile_main,
    control_main,
    guard_main,
    hashing_main,
    supervisor_main,
    worker_main,
)
from tta_gateway.node.embedded import prepare
from tta_gateway.node.embedded_server import FOLDER
from tta_gateway.node.handover import taken_over
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.kept import Compiled

PARTS = (control_main, guard_main, hashing_main, supervisor_main, worker_main)


def main() -> None:
    """Try everything that the new gateway will need at once."""
    file, version, fd, handover = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    data = compile_main.compiled_file(file, version, known_log="".join(sys.argv[5:]))
    try:
        snapshot = decode(msgspec.msgpack.decode(data, type=Compiled).data)
        taken_over(handover, only_read=True)
        prepare(snapshot.embedded, Path(snapshot.state_dir) / FOLDER)
    except msgspec.MsgspecError as error:
        compile_main.refuse(
            [f"the new version cannot take over from this one ({error}): stop it, and start anew"]
        )
    except OSError as error:
        compile_main.refuse([f"{error.filename or 'valkey'}: {error.strerror}"])
    with os.fdopen(fd, "wb") as out:
        out.write(data)


if __name__ == "__main__":
    main()
