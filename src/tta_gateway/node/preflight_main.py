"""The preflight: `python -m tta_gateway.node.preflight_main FILE VERSION SNAPSHOT_FD`.

Imports every process of the node as it is installed now, and compiles the configuration with it:
before a running gateway becomes the new one, this one has to have ended well.
"""

from tta_gateway.node import (
    compile_main,
    control_main,
    guard_main,
    supervisor_main,
    worker_main,
)

PARTS = (control_main, guard_main, supervisor_main, worker_main)

if __name__ == "__main__":
    compile_main.main()
