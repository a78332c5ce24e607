"""Run a program that ends with its parent: `python -I -S die_with_parent.py PARENT PROGRAM ARG…`.

Asks the kernel to kill this process when its parent ends, and becomes the program; what has been
asked for holds over that (prctl(2), PR_SET_PDEATHSIG; Linux).  SIGKILL, because the folder and the
addresses must be free at once; an append-only file survives that.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the program, unless the parent is gone already."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit(f"the parent {parent} has ended")
    os.execv(program, [program, *arguments])  # noqa: S606 - what the supervisor has found


if __name__ == "__main__":
    main()
