"""What lies under the path of a route, against a matcher that anybody can read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.paths import Paths

SEGMENT = st.sampled_from(["a", "b", "c", "{x}"])
TEMPLATE = st.lists(SEGMENT, min_size=0, max_size=4).map(
    lambda parts: "/" + "/".join(part.replace("x", f"x{at}") for at, part in enumerate(parts))
)
PATH = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=5).map(
    lambda parts: "/" + "/".join(parts)
)


def paths(*templates: str) -> Paths:
    made = Paths()
    for one in templates:
        made.add(one, "")
    return made


@pytest.mark.parametrize(
    ("path", "under"),
    [
        (b"/api/players/7", True),
        (b"/api/players/7/none/at/all", True),
        (b"/api/players/7/", True),
        (b"/api/players", False),
        (b"/api/players/", False),
        (b"/api/playersx/7", False),
        (b"/", False),
        (b"*", False),
        (b"", False),
    ],
)
def test_a_path_lies_under_a_template_that_it_begins_with(path: bytes, under: bool) -> None:
    assert (paths("/api/players/{id}").region_over(path) is not None) is under


def test_all_lies_under_what_takes_all_that_follows() -> None:
    assert paths("/{rest:path}").region_over(b"/any/thing") == ""
    assert paths("/a/{rest:path}").region_over(b"/a") == ""
    assert paths("/a/{rest:path}").region_over(b"/b") is None


def test_nothing_lies_under_no_template() -> None:
    assert Paths().region_over(b"/a") is None


def test_the_region_is_that_of_the_longest_template() -> None:
    made = Paths()
    made.add("/a", "GB")
    made.add("/a/{x}", "US")
    made.add("/a/b/c", "")
    assert [made.region_over(path) for path in (b"/a", b"/a/z", b"/a/b/c")] == ["GB", "US", ""]


def test_of_two_of_one_template_the_one_that_knows_its_region_counts() -> None:
    made = Paths()
    for region in ("", "GB", ""):
        made.add("/a", region)
    assert made.region_over(b"/a") == "GB"


def test_where_one_branch_ends_the_other_is_gone_on_with() -> None:
    assert paths("/a/b/c", "/{x}/b/d").region_over(b"/a/b/d") == ""


@pytest.mark.parametrize(
    ("regions", "shared"), [((), None), (("GB",), "GB"), (("GB", "GB"), "GB"), (("GB", "US"), "")]
)
def test_where_nobody_knows_the_path_the_region_is_that_of_all(
    regions: tuple[str, ...], shared: str | None
) -> None:
    made = Paths()
    for at, region in enumerate(regions):
        made.add(f"/{at}", region)
    assert made.any_region == shared


@given(st.lists(TEMPLATE, max_size=5), PATH)
def test_the_tree_agrees_with_expressions(templates: list[str], path: str) -> None:
    expressions = [re.sub(r"\{\w+\}", "[^/]+", one).rstrip("/") + "(?:/.*)?" for one in templates]
    expected = any(re.fullmatch(one, path) for one in expressions)
    assert (paths(*templates).region_over(path.encode()) is not None) is expected
