"""What the tests of modules leave out of them: measured for check_layout.py.

    python scripts/own_coverage.py <module>=<test>...    JSON: the modules, and what is left out

All tests run in one process, which starts once in place of once a module, and each line is written
down under the test that has reached it.  What a module keeps (functools.cache) runs under the first
test that asks for it, whosever that is: what seems to be left out is to be measured by itself.
"""

import contextlib
import io
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import coverage
import pytest
from coverage.exceptions import NoDataError

_OPTIONS: Final = (
    "-q",
    "--continue-on-collection-errors",
    "--hypothesis-seed=0",  # luck must not decide what is covered
    "-p",
    "no:cacheprovider",
)


class ByTest:
    """Has what runs be written down under the file of its test, and says which of them fail."""

    def __init__(self, measured: coverage.Coverage, root: Path) -> None:
        """Tell this."""
        self._measured = measured
        self._root = root
        self._last = ""
        self.failed: set[str] = set()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Write down what comes under this test."""
        where = item.path.relative_to(self._root).as_posix()
        if where != self._last:
            self._last = where
            self._measured.switch_context(where)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of failures."""
        if report.failed:
            self.failed.add(report.nodeid.partition("::")[0])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take note of files that cannot be read."""
        if report.failed:
            self.failed.add(report.nodeid.partition("::")[0])


def left_out(root: Path, tests: Mapping[str, str]) -> dict[str, str]:
    """Return what each module's own test leaves out of it; nothing is the empty string."""
    measured = coverage.Coverage(data_file=None, config_file=str(root / "pyproject.toml"))
    by_test, said = ByTest(measured, root), io.StringIO()
    with contextlib.redirect_stdout(said):
        measured.start()
        pytest.main([*_OPTIONS, *tests.values()], plugins=[by_test])
        measured.stop()
    return {
        module: said.getvalue().strip()
        if test in by_test.failed
        else _by(test, measured, root / module)
        for module, test in tests.items()
    }


def _by(test: str, measured: coverage.Coverage, module: Path) -> str:
    """Return what a test leaves out of a module."""
    contexts = ["^$", f"^{re.escape(test)}$"]  # what runs as soon as it is imported, and its own
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        try:
            measured.json_report(morfs=[str(module)], outfile=str(report), contexts=contexts)
        except NoDataError:
            return "everything"
        (covered,) = json.loads(report.read_text())["files"].values()
    lines = [f"line {line}" for line in covered["missing_lines"]]
    branches = [f"branch {start} -> {end}" for start, end in covered["missing_branches"]]
    return ", ".join(lines + branches)


if __name__ == "__main__":
    told = left_out(Path.cwd(), dict(each.split("=", 1) for each in sys.argv[1:]))
    sys.stdout.write(json.dumps(told))
