from pathlib import Path

import pytest

from scripts import check_layout
from scripts.unit_tests import compiled, on_source

CONTRACTS = """
[[tool.importlinter.contracts]]
name = "Pure modules do no I/O"
source_modules = ["tta_gateway.kernel"]
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(CONTRACTS)
    for module in ("kernel/pure", "edge/fast", "cli/plain"):
        for file in (f"src/tta_gateway/{module}.py", f"tests/unit/{_test(module)}"):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).touch()
    (tmp_path / "tests/unit/edge/test_in_any_order.py").touch()
    return tmp_path


def _test(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}.py"


def test_what_is_compiled_or_of_no_module_is_tried_as_python_too(house: Path) -> None:
    files = on_source(house, ["src/tta_gateway/kernel/pure.py", "src/tta_gateway/edge/fast.py"])
    assert files == ["tests/unit/edge/test_fast.py", "tests/unit/edge/test_in_any_order.py"]


def test_where_nothing_is_compiled_only_what_is_of_no_module_is_left(house: Path) -> None:
    assert on_source(house, []) == ["tests/unit/edge/test_in_any_order.py"]


def test_each_compiled_module_is_tried_as_python_by_one_of_both() -> None:
    root = check_layout.ROOT
    native, pure = set(compiled(root)), set(check_layout.pure_modules(root))
    tests = [check_layout.mirror(file) for file in native - pure]
    assert len(tests) > 100
    assert set(on_source(root, native)).issuperset(one for one in tests if (root / one).exists())
