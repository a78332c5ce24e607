"""The settings as YAML: what is in force, and what it comes from."""

import pytest

from tests.helpers.configuration import GOLDEN, loaded
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import load_text
from tta_gateway.settings.show import show


@pytest.mark.parametrize("name", ["full", "defaults", "words"])
def test_what_is_shown_can_be_loaded_and_means_the_same(name: str) -> None:
    first = load_text((GOLDEN / f"{name}.yaml").read_text(), name, environ={})
    second = load_text(show(first.settings, first.document), name, environ={})
    assert compile_snapshot(second.settings, 1) == compile_snapshot(first.settings, 1)


def test_defaults_are_filled_in() -> None:
    first = loaded("")
    lines = show(first.settings, first.document).splitlines()
    assert {"  request_line: 8KiB", "  total: 1m", "      total: 1m"} & set(lines)
    assert "probe: 127.0.0.1:8082" in lines


def test_what_comes_from_elsewhere_says_so() -> None:
    first = loaded("profile: tta\n", {"TTA_GATEWAY__LIMITS__HEAD": "16KiB"})
    lines = show(first.settings, first.document).splitlines()
    assert "  head: 16KiB  # from TTA_GATEWAY__LIMITS__HEAD" in lines
    assert "  message: true  # from profile tta" in lines
    assert "      open: 1m  # from profile tta" in lines
    assert "  nested: true  # from profile tta" in lines
    assert sum("#" in line for line in lines) == 5


def test_what_is_not_built_yet_is_not_shown() -> None:
    first = loaded("")
    assert "audit" not in show(first.settings, first.document)
