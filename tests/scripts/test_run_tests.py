import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "run_tests.py"
# Fails at its first look, as if others had been at work, and passes at its second.
ONCE = """
from pathlib import Path
import pytest

SEEN = Path(__file__).with_name("seen")

@pytest.mark.parametrize("number", range({count}))
def test_late(number):
    seen = SEEN.read_text().split() if SEEN.exists() else []
    SEEN.write_text(" ".join([*seen, str(number)]))
    assert str(number) in seen

def test_good():
    assert True
"""
NEVER = "def test_wrong():\n    assert False\n\ndef test_good():\n    assert True\n"


def run(folder: Path, text: str, *before: str) -> tuple[int, str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(text)
    options = ["-q", "-n", "2", "--dist", "loadfile", "--ignore=nowhere", "test_it.py"]
    command = [sys.executable, str(SCRIPT), *before, *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_who_was_late_beside_others_may_try_once_more_alone(tmp_path: Path) -> None:
    code, said = run(tmp_path, ONCE.format(count=3))
    assert code == 0
    assert said.count("test_it.py::test_late[2]\n") == 2
    assert "failed beside others, passed by themselves" in said
    assert "3 passed" in said.rpartition("once more")[2]


def test_the_first_run_goes_by_a_program_and_the_second_does_not(tmp_path: Path) -> None:
    polite = "import os\n\ndef test_polite():\n    assert os.nice(0) == 0\n"
    code, said = run(tmp_path, polite, "--by", "nice -n 7")
    assert code == 0
    assert "once more, by themselves:\n  test_it.py::test_polite\n" in said


def test_who_fails_twice_is_red(tmp_path: Path) -> None:
    code, said = run(tmp_path, NEVER)
    assert code == 1
    assert "failed beside others, failed by themselves:\n  test_it.py::test_wrong\n" in said


def test_many_failures_are_no_accident(tmp_path: Path) -> None:
    code, said = run(tmp_path, ONCE.format(count=7))
    assert (code, "once more" in said) == (1, False)


@pytest.mark.parametrize("text", ["import nowhere\n", ""], ids=["cannot be read", "empty"])
def test_what_cannot_be_run_is_red(tmp_path: Path, text: str) -> None:
    code, _ = run(tmp_path, text)
    assert code != 0


def test_all_good_is_run_once(tmp_path: Path) -> None:
    code, said = run(tmp_path, "def test_good():\n    assert True\n")
    assert (code, "once more" in said) == (0, False)
