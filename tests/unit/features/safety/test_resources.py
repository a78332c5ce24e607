"""Help lines: those of the package are whole, and a file that has been changed is refused."""

import json
from typing import Any

import pytest

from tta_gateway.features.safety.bound import Line, Region
from tta_gateway.features.safety.resources import (
    PINNED,
    NoResources,
    Resources,
    canonical,
    read,
    shipped,
    unverified,
)
from tta_gateway.support.signature import new_key, sign

KEY = new_key()
GOOD: dict[str, Any] = {
    "edition": "2026-11-26",
    "regions": {"US": {"emergency": "911", "lines": [{"name": "a", "call": "988"}]}},
}


def signed(content: dict[str, Any]) -> tuple[bytes, str]:
    """Return a file, and the key that proves it."""
    signature, public = sign(canonical(content), KEY)
    return json.dumps({"signed": content, "signature": signature}).encode(), public


def with_line(**line: object) -> dict[str, Any]:
    return {**GOOD, "regions": {"US": {"emergency": "911", "lines": [line]}}}


def test_the_lines_of_the_package_are_those_that_were_signed() -> None:
    found = shipped()
    assert {"US", "GB", "EU"} <= found.regions.keys()
    assert all(region.lines for region in found.regions.values())


def test_what_nobody_has_tried_is_not_said_to_have_been() -> None:
    found = shipped().regions
    assert unverified(found) == sum(len(region.lines) for region in found.values())


def test_a_line_that_somebody_has_tried_counts_as_such() -> None:
    tried = Line(name="a", call="1", verified_on="2026-11-26")
    region = Region(emergency="1", lines=(tried, Line(name="b", call="2")))
    assert unverified({"US": region}) == 1


def test_a_file_that_its_owner_has_signed_is_read() -> None:
    data, public = signed(GOOD)
    region = Region(emergency="911", lines=(Line(name="a", call="988"),))
    assert read(data, key=public) == Resources("2026-11-26", {"US": region})


def test_how_it_is_laid_out_does_not_matter() -> None:
    data, public = signed(GOOD)
    file = json.loads(data)
    regions = dict(reversed(file["signed"].items()))
    laid_out = json.dumps({**file, "signed": regions}, indent=4)
    assert read(laid_out.encode(), key=public).edition == "2026-11-26"


def test_a_number_that_somebody_has_changed_is_refused() -> None:
    data, public = signed(GOOD)
    with pytest.raises(NoResources, match="is not what has been signed"):
        read(data.replace(b"988", b"900"), key=public)


def test_a_file_that_another_has_signed_is_refused() -> None:
    with pytest.raises(NoResources, match="signed with another key"):
        read(signed(GOOD)[0], key=PINNED)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"signed":{},"signature":"","more":1}', b"[" * 100_000]
)
def test_what_is_no_such_file_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(NoResources, match="is no file of help lines"):
        read(data, key=PINNED)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({**GOOD, "edition": "today"}, "`edition` is no day"),
        ({**GOOD, "more": 1}, "is no file of help lines"),
        ({**GOOD, "regions": {"usa": {"emergency": "911"}}}, "`usa` is no code"),
        ({**GOOD, "regions": {"US": {"emergency": "911", "members": ["x"]}}}, "`x` is no code"),
        ({**GOOD, "regions": {"US": {"emergency": "help"}}}, "`help` is no number"),
        (with_line(name=" ", call="1"), "a line needs a name"),
        (with_line(name="a\nb", call="1"), "a line needs a name"),
        (with_line(name="a"), "cannot be reached"),
        (with_line(name="a", call="call us"), "must be a number"),
        (with_line(name="a", text='1"'), "must be a number"),
        (with_line(name="a", url="http://a.test"), "must begin with https://"),
        (with_line(name="a", call="1", verified_on="yes"), "`verified_on` is no day"),
        (with_line(name="a", call="1", topics=["love"]), "is no file of help lines"),
    ],
)
def test_what_could_not_be_shown_is_refused_though_it_is_signed(
    content: dict[str, Any], words: str
) -> None:
    data, public = signed(content)
    with pytest.raises(NoResources, match=words):
        read(data, key=public)


def test_each_line_may_say_all_that_there_is() -> None:
    line = {
        "name": "a",
        "call": "+1 (800) 1",
        "text": "1",
        "say": "HOME",
        "url": "https://a.test",
        "hours": "9-17",
        "topics": ["abuse"],
        "verified_on": "2026-11-26",
    }
    data, public = signed(with_line(**line))
    assert read(data, key=public).regions["US"].lines[0].topics == ("abuse",)
