import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIGN = (
    '"""A sign."""\n\n\ndef sign(number: int) -> int:\n'
    "    if number < 0:\n        return -1\n    return 1\n"
)
KEPT = '"""Kept."""\n\nfrom functools import cache\n\n\n@cache\ndef kept() -> int:\n    return 7\n'
PYPROJECT = """
[tool.coverage.run]
branch = true
source_pkgs = ["a_package"]
[tool.pytest.ini_options]
pythonpath = ["src"]
addopts = ["--import-mode=importlib"]
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "src/a_package/__init__.py": "",
    "src/a_package/one.py": SIGN,
    "src/a_package/two.py": SIGN,
    "src/a_package/kept.py": KEPT,
    "tests/test_one.py": "from a_package.one import sign\nfrom a_package import two, kept\n\n\n"
    "def test_it():\n    assert (sign(1), sign(-1), two.sign(-1), kept.kept()) == (1, -1, -1, 7)\n",
    "tests/test_two.py": "from a_package.two import sign\n\n\ndef test_it():\n    assert sign(1)\n",
    "tests/test_kept.py": "from a_package.kept import kept\n\n\ndef test_it():\n    kept()\n",
    "tests/test_wrong.py": "def test_it():\n    raise ValueError\n",
    "tests/test_unread.py": "import a_package.nowhere\n",
    "tests/test_idle.py": "def test_it():\n    pass\n",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("house")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def left_out(house: Path, **tests: str) -> dict[str, str]:
    """What the script says: of modules, by their tests."""
    pairs = [f"src/a_package/{one}.py=tests/test_{test}.py" for one, test in tests.items()]
    command = [sys.executable, str(ROOT / "scripts" / "own_coverage.py"), *pairs]
    done = subprocess.run(command, cwd=house, capture_output=True, text=True, check=True)
    return {Path(name).stem: left for name, left in json.loads(done.stdout).items()}


def test_each_module_is_measured_by_its_own_test_alone(house: Path) -> None:
    assert left_out(house, one="one", two="two") == {
        "one": "",
        "two": "line 6, branch 5 -> 6",
    }


def test_what_is_kept_seems_left_out_where_another_test_asked_first(house: Path) -> None:
    """Therefore check_layout.py measures again, alone, what seems to be left out."""
    assert left_out(house, one="one", kept="kept") == {"one": "", "kept": "line 8"}
    assert left_out(house, kept="kept") == {"kept": ""}


def test_a_test_that_fails_covers_nothing_and_its_words_are_told(house: Path) -> None:
    told = left_out(house, one="one", two="wrong", kept="unread")
    assert told["one"] == ""
    assert "1 failed" in told["two"]
    assert "nowhere" in told["kept"]


def test_what_no_test_imports_is_left_out(house: Path) -> None:
    assert left_out(house, two="idle")["two"] != ""
