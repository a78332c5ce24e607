"""The reference: a row for every key that an operator may write."""

import pytest

from tta_gateway.settings import reference
from tta_gateway.settings.complaint import NAMED
from tta_gateway.settings.not_yet import NOT_YET
from tta_gateway.settings.reference import Row, keys, rows

BY_PATH = {row.path: row for row in rows()}


@pytest.mark.parametrize(
    ("path", "kind", "default"),
    [
        ("listen", "address or list of address or mapping", None),
        ("listen[].address", "address", "required"),
        ("profile", "`tta`", ""),
        ("limits", "mapping", ""),
        ("limits.request_line", "size", "8KiB"),
        ("client_timeouts.keep_alive", "duration", "75s"),
        ("access_log.enabled", "true or false", "true"),
        ("cors.headers", "list of header name", "[]"),
        ("security_headers.add", "mapping of names to header value or null", None),
        ("services.<name>.panic.then", "`spread`, `fail`", "spread"),
        ("services.<name>.endpoints[].weight", "whole number", "1"),
        ("routes", "list of mapping", "required"),
        ("routes[].service", "text", ""),
        ("routes[].auth", "`required`, `optional`, `none`", "required"),
        ("routes[].timeouts.total", "duration", "1m"),
        ("routes[].upgrade", "`off` or list of protocol", "[websocket]"),
        ("routes[].headers", "mapping of names to header value or `true`", "{}"),
        ("routes[].redirect_status", "`301`, `302`, `303`, `307`, `308`", "307"),
        ("routes[].respond.missing_service", "text", ""),
    ],
)
def test_a_key_has_a_type_and_a_default(path: str, kind: str, default: str | None) -> None:
    row = BY_PATH[path]
    assert row.type == kind
    assert default is None or row.default == default


def test_every_key_stands_once_with_a_sentence() -> None:
    assert len(BY_PATH) == len(rows())
    assert all(row.sentence.endswith(".") for row in rows())


def test_rows_are_paths_types_defaults_and_sentences() -> None:
    assert rows()[0] == Row(
        "profile",
        "`tta`",
        "",
        "Defaults for a platform; `tta`, as it is today, gives errors a string `message` and "
        "breakers its figures: 5 failures in a row, open for 60 s.",
    )


def test_what_is_not_built_yet_is_not_documented() -> None:
    assert not NOT_YET.keys() & BY_PATH.keys()


def test_the_keys_of_a_mapping_are_its_own() -> None:
    assert keys("services.<name>.limits") == ["connections", "pending", "in_flight"]
    assert keys("routes[].respond") == ["status", "body", "content_type", "missing_service"]
    assert {"listen", "routes", "services", "cors"} <= set(keys(""))
    assert keys("trace") == []


def test_a_sentence_is_found_by_its_pattern() -> None:
    assert reference.sentence("services.<name>.host").startswith("What the service reads as Host")
    assert reference.sentence("nothing") == ""


def test_the_names_that_operators_choose_are_known_to_complaints() -> None:
    named = {row.path for row in rows() if row.type.startswith("mapping of names")}
    assert named == NAMED
