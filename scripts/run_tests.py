"""Run tests that look at the clock side by side, and those that fail once more, by themselves.

    python scripts/run_tests.py [--by <program>] <what pytest takes>...

On two cores that four such tests share, a bound of time can be missed because others were at work.
What fails is run once more with the machine to itself, and what fails then is red.  Many failures
are no accident: above MOST of them nothing is run again.  Which tests were run again is said.

`--by` names a program that the first run goes by (`--by "nice -n 19"`): the second does not.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MOST: Final = 6
"""failures that are looked at once more"""
_SOME_FAILED: Final = 1
_LAST_FAILED: Final = Path("v", "cache", "lastfailed")


def main(arguments: list[str]) -> int:
    """Run pytest, and what failed once more; the exit code of what was run last."""
    by = list[str]()
    if arguments[:1] == ["--by"]:
        by, arguments = arguments[1].split(), arguments[2:]
    with tempfile.TemporaryDirectory(prefix="pytest-cache-") as kept:
        code = _pytest([*arguments, "-o", f"cache_dir={kept}"], by)
        if code != _SOME_FAILED:
            return code
        tests = failed(Path(kept))
    if not 0 < len(tests) <= MOST:
        return code
    sys.stdout.write("\nonce more, by themselves:\n" + "".join(f"  {test}\n" for test in tests))
    sys.stdout.flush()
    code = _pytest([*_alone(arguments), *tests])
    sys.stdout.write(f"failed beside others, {'failed' if code else 'passed'} by themselves:\n")
    sys.stdout.write("".join(f"  {test}\n" for test in tests))
    return code


def failed(kept: Path) -> list[str]:
    """Return the tests that failed, of pytest's cache."""
    try:
        return sorted(json.loads((kept / _LAST_FAILED).read_text()))
    except FileNotFoundError:
        return []


def _alone(arguments: list[str]) -> list[str]:
    """Return the options alone, and none of those that share tests out among processes."""
    options, skipped = list[str](), False
    for each in arguments:
        if skipped or each in ("-n", "--dist"):
            skipped = not skipped
        elif each.startswith("-") and not each.startswith(("--ignore", "--no-loadscope")):
            options.append(each)
    return options


def _pytest(arguments: list[str], by: Sequence[str] = ()) -> int:
    command = [*by, sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
