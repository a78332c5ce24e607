"""The unit tests that `make test` runs on the code as it stands in src, besides the installed one.

    python -m scripts.unit_tests      their files, for pytest to read (@file)

All of tests/unit runs on the installed gateway.  What is compiled there is tried as Python too: the
pure modules by `check_layout.py --coverage`, and the others by what is named here, with whatever
stands at no module's mirrored place.  Modules that are Python there as well are tried once.
"""

import runpy
import sys
from collections.abc import Iterable
from pathlib import Path

from scripts import check_layout


def on_source(root: Path, native: Iterable[str]) -> list[str]:
    """Return the test files, as paths from the root, where these modules are compiled."""
    sources = {file for file in check_layout.sources(root) if file.startswith("src/")}
    pure = {check_layout.mirror(file) for file in check_layout.pure_modules(root)}
    python = {check_layout.mirror(file) for file in sources - set(native)}
    every = (path.relative_to(root).as_posix() for path in (root / "tests/unit").rglob("test_*.py"))
    return sorted(set(every) - pure - python)


def compiled(root: Path) -> list[str]:
    """Return what is compiled when the gateway is installed, as paths from the root."""
    return list(runpy.run_path(str(root / "setup.py"))["compiled"]())


if __name__ == "__main__":
    files = on_source(check_layout.ROOT, compiled(check_layout.ROOT))
    sys.stdout.writelines(f"{file}\n" for file in files)
