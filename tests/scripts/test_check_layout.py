import ast
from pathlib import Path

import pytest

from scripts import check_layout

NOTHING: dict[str, dict[str, str]] = {"untested": {}, "overlong": {}, "uncovered": {}}
GOOD = '"""A module."""\n\n\ndef sign(number: int) -> int:\n    return 1 if number > 0 else -1\n'
SHORT_TEST = (
    "from tta_gateway.kernel.good import sign\n\n\ndef test_it() -> None:\n    assert sign(1)"
)
LONG = '"""A module."""\n\n\nclass Loop:\n    def turn(self) -> None:\n' + 40 * "        self\n"
HALF = GOOD.replace(
    "return 1 if number > 0 else -1", "if number:\n        number = 1\n    return number"
)
PYPROJECT = """
[tool.coverage.run]
branch = true
source_pkgs = ["tta_gateway"]
[tool.pytest.ini_options]
pythonpath = ["src"]
addopts = ["--import-mode=importlib"]
[[tool.importlinter.contracts]]
name = "Pure modules do no I/O"
source_modules = ["tta_gateway.kernel", "tta_gateway.features.*.algorithm"]
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    frame(tmp_path)
    write(tmp_path, "src/tta_gateway/kernel/good.py", GOOD)
    write(tmp_path, "tests/unit/kernel/test_good.py", SHORT_TEST)
    return tmp_path


def frame(root: Path) -> None:
    write(root, "pyproject.toml", PYPROJECT)
    write(root, "src/tta_gateway/__init__.py", '"""The package."""\n')
    write(root, "src/tta_gateway/kernel/__init__.py", '"""Words."""\n')


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_a_good_house_has_no_complaints(house: Path) -> None:
    assert check_layout.layout(house, NOTHING) == []


def test_a_source_file_without_its_test_is_complained_of(house: Path) -> None:
    write(house, "src/tta_gateway/kernel/alone.py", GOOD)
    assert check_layout.layout(house, NOTHING) == [
        "src/tta_gateway/kernel/alone.py: no test at tests/unit/kernel/test_alone.py"
    ]


def test_a_script_without_its_test_is_complained_of(house: Path) -> None:
    write(house, "scripts/tool.py", GOOD)
    assert check_layout.layout(house, NOTHING) == [
        "scripts/tool.py: no test at tests/scripts/test_tool.py"
    ]


@pytest.mark.parametrize(
    "body",
    [
        "LIMIT = 3",
        "class Limits:\n    size: int = 3",
        'class Port:\n    def ask(self) -> int:\n        """The answer."""\n        ...',
    ],
)
def test_declarations_need_no_test(house: Path, body: str) -> None:
    write(house, "src/tta_gateway/kernel/words.py", f'"""Words."""\n{body}\n')
    assert check_layout.layout(house, NOTHING) == []


def test_an_excused_file_is_not_complained_of(house: Path) -> None:
    write(house, "src/tta_gateway/kernel/alone.py", GOOD)
    excused = {**NOTHING, "untested": {"src/tta_gateway/kernel/alone.py": "tests/e2e run it"}}
    assert check_layout.layout(house, excused) == []


def test_an_exception_that_nobody_needs_is_complained_of(house: Path) -> None:
    excused = {**NOTHING, "untested": {"src/tta_gateway/kernel/good.py": "tests/e2e run it"}}
    assert check_layout.layout(house, excused) == [
        "src/tta_gateway/kernel/good.py: no longer an exception"
    ]


def test_an_exception_needs_a_reason(house: Path) -> None:
    write(house, "src/tta_gateway/kernel/alone.py", GOOD)
    excused = {**NOTHING, "untested": {"src/tta_gateway/kernel/alone.py": ""}}
    assert check_layout.layout(house, excused) == [
        "src/tta_gateway/kernel/alone.py: an exception needs its reason"
    ]


@pytest.mark.parametrize("text", ["", "# words\n", '\n"""Words."""\n', "import os\n"])
def test_a_first_line_that_is_no_docstring_is_complained_of(house: Path, text: str) -> None:
    write(house, "src/tta_gateway/kernel/__init__.py", text)
    assert check_layout.layout(house, NOTHING) == [
        "src/tta_gateway/kernel/__init__.py:1: not a docstring"
    ]


def test_a_folder_that_is_no_package_is_complained_of(house: Path) -> None:
    write(house, "src/tta_gateway/wire/words.py", '"""Words."""\n')
    assert check_layout.layout(house, NOTHING) == ["src/tta_gateway/wire: no __init__.py"]


def test_a_function_of_forty_lines_is_short_enough() -> None:
    text = LONG.removesuffix("        self\n")
    assert list(check_layout.long_functions(ast.parse(text))) == []


def test_a_function_of_forty_one_lines_is_named() -> None:
    assert list(check_layout.long_functions(ast.parse(LONG))) == ["Loop.turn"]


def test_a_long_function_is_excused_by_a_benchmark_alone(house: Path) -> None:
    write(house, "src/tta_gateway/kernel/good.py", LONG)
    where = "src/tta_gateway/kernel/good.py:Loop.turn"
    excused = {**NOTHING, "overlong": {where: "bench/turn.py: 1.8x"}}
    refused = check_layout.layout(house, excused)
    write(house, "bench/turn.py", '"""Turns."""\n')
    assert [complaint.split(": ")[0] for complaint in refused] == [where]
    assert check_layout.layout(house, excused) == []


def test_pure_modules_are_those_of_the_contract(house: Path) -> None:
    for name in ("features/a/algorithm.py", "features/a/policy.py", "wire/kernel.py"):
        write(house, f"src/tta_gateway/{name}", GOOD)
    assert check_layout.pure_modules(house) == [
        "src/tta_gateway/features/a/algorithm.py",
        "src/tta_gateway/kernel/__init__.py",
        "src/tta_gateway/kernel/good.py",
    ]


@pytest.fixture(scope="module")
def gaps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is complained of in a house of three pure modules, each with its test, two excused."""
    root = tmp_path_factory.mktemp("house")
    frame(root)
    for name in ("whole", "half", "broken"):
        write(root, f"src/tta_gateway/kernel/{name}.py", GOOD)
        write(root, f"tests/unit/kernel/test_{name}.py", SHORT_TEST.replace("good", name))
    write(root, "src/tta_gateway/kernel/half.py", HALF)
    write(
        root, "tests/unit/kernel/test_broken.py", "def test_it() -> None:\n    raise ValueError\n"
    )
    excused = {**NOTHING, "uncovered": {"src/tta_gateway/kernel/whole.py": "for now"}}
    complaints = check_layout.coverage(root, excused)
    return {line.split(":")[0].rpartition("/")[2]: line.partition(": ")[2] for line in complaints}


def test_a_pure_module_that_its_own_test_leaves_out_in_part_is_named(gaps: dict[str, str]) -> None:
    assert gaps["half.py"] == "tests/unit/kernel/test_half.py leaves out branch 5 -> 7"


def test_a_pure_module_that_is_covered_is_no_exception(gaps: dict[str, str]) -> None:
    assert gaps["whole.py"] == "no longer an exception"


def test_a_failing_test_covers_nothing(gaps: dict[str, str]) -> None:
    assert "1 failed" in gaps["broken.py"]
