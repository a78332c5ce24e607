"""The reference: pages that the code writes about itself."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.helpers.configuration import loaded
from tta_gateway import kernel
from tta_gateway.kernel.problem import SPINE, Problem
from tta_gateway.node.reference import metrics, pages, problems
from tta_gateway.order import ORDER
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.support.metrics import Metric

SOURCE = Path(kernel.__file__).parents[1]
ROW = re.compile(r"(?<!\\)\|")


def _rows(page: str) -> list[list[str]]:
    """The cells of the page's table, heading and rule left out."""
    lines = [line for line in pages()[page].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in ROW.split(line)[1:-1]] for line in lines[2:]]


@cache
def _texts() -> list[str]:
    return [file.read_text() for file in SOURCE.rglob("*.py")]


def _made(kind: str) -> list[str]:
    """The first argument of every place in the source that makes such a thing of words."""
    trees = [ast.parse(text) for text in _texts() if kind in text]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [one for one in calls if isinstance(one.func, ast.Name) and one.func.id == kind]
    firsts = [one.args[0] for one in named if one.args]
    return [str(first.value) for first in firsts if isinstance(first, ast.Constant)]


def test_there_is_a_page_for_each_thing_that_operators_look_up() -> None:
    assert sorted(pages()) == [
        "admin.md",
        "errors.md",
        "internal.md",
        "metrics.md",
        "order.md",
        "public.md",
        "settings.md",
    ]


def test_a_page_says_that_it_is_written_by_a_machine() -> None:
    assert all("do not edit" in text.splitlines()[2] for text in pages().values())


def test_every_row_has_as_many_cells_as_its_table() -> None:
    widths = {page: {len(row) for row in _rows(page)} for page in pages()}
    assert widths == {
        "admin.md": {3},
        "errors.md": {6},
        "metrics.md": {4},
        "order.md": {5},
        "internal.md": {3},
        "public.md": {5},
        "settings.md": {4},
    }


def test_every_problem_has_its_row_and_no_code_stands_for_two() -> None:
    codes = [row[0].strip("`") for row in _rows("errors.md")]
    assert len(codes) == len(set(codes))
    assert set(codes) == {problem.code for problem in problems()} >= {one.code for one in SPINE}


def test_no_problem_is_made_where_the_reference_does_not_look() -> None:
    made = _made(Problem.__name__)
    assert sorted(made) == sorted(problem.code for problem in problems())


def test_a_problem_says_what_to_do_about_it() -> None:
    assert [row[0] for row in _rows("errors.md") if not row[2] or not row[3]] == []


def test_every_metric_has_its_row_by_name() -> None:
    names = [row[0].strip("`") for row in _rows("metrics.md")]
    assert names == sorted({metric.name for metric in metrics()})
    assert names


def test_no_metric_is_declared_where_the_reference_does_not_look() -> None:
    assert sorted(_made(Metric.__name__)) == sorted(metric.name for metric in metrics())


def test_the_order_is_told_with_its_reasons() -> None:
    told = [(row[1], row[4]) for row in _rows("order.md")]
    assert told == [(kind.name, reason) for kind, reason in ORDER]


def test_a_key_stands_in_the_page_of_settings_with_its_sentence() -> None:
    by_key = {row[0].strip("`"): row for row in _rows("settings.md")}
    assert by_key["routes[].max_body"][1:3] == ["size", "10MiB"]
    assert by_key["routes[].max_body"][3]


def test_a_default_that_the_page_tells_is_the_one_in_force() -> None:
    snapshot = compile_snapshot(loaded("").settings, version=1)
    by_key = {row[0].strip("`"): row[2] for row in _rows("settings.md")}
    assert by_key["client_timeouts.keep_alive"] == f"{snapshot.client_timeouts.keep_alive:g}s"
    assert by_key["connections.per_address"] == str(snapshot.connections.per_address)
