"""What operators write: durations, sizes, names and values of header fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.config import (
    apart,
    duration,
    duration_text,
    field_name,
    field_value,
    line,
    size,
    size_text,
)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30.0),
        ("500ms", 0.5),
        ("1.5ms", 0.0015),
        ("1m", 60.0),
        ("1h", 3600.0),
        ("8760h", 31_536_000.0),
        ("0s", 0.0),
        (0, 0.0),
        (2, 2.0),
        (0.25, 0.25),
    ],
)
def test_a_duration_is_a_number_with_a_unit_or_seconds(written: object, seconds: float) -> None:
    assert duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        "",
        "30",
        "s",
        "-1s",
        "1 s",
        "1d",
        "8761h",
        "1e3s",
        "1.s",
        "\u0661s",
        -1,
        True,
        None,
        [1],
        {},
        float("inf"),
        float("nan"),
    ],
)
def test_what_is_no_duration_is_refused_with_examples(written: object) -> None:
    with pytest.raises(ValueError, match=r"must be a duration: `30s`, `500ms`, `1m`, `1h`"):
        duration(written)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (3600.0, "1h"),
        (5400.0, "90m"),
        (75.0, "75s"),
        (2.5, "2.5s"),
        (0.0025, "2.5ms"),
        (1e-12, 1e-12),
        (1 / 3, 1 / 3),
    ],
)
def test_a_duration_is_shown_with_the_unit_that_fits(seconds: float, text: object) -> None:
    assert duration_text(seconds) == text


@given(st.floats(0, 31_536_000))
def test_a_duration_that_is_shown_reads_as_the_same(seconds: float) -> None:
    assert duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("written", "count"),
    [
        (0, 0),
        (17, 17),
        ("17B", 17),
        ("64KiB", 65_536),
        ("10MiB", 10_485_760),
        ("10MB", 10_000_000),
        ("4kB", 4000),
        ("4KB", 4000),
        ("1GB", 1_000_000_000),
        ("1048576GiB", 2**50),
    ],
)
def test_a_size_is_a_number_with_a_unit_or_bytes(written: object, count: int) -> None:
    assert size(written) == count


@pytest.mark.parametrize(
    "written", ["", "1", "1K", "1.5KiB", "-1B", "1 MB", "1048577GiB", -1, 1.0, True, None, []]
)
def test_what_is_no_size_is_refused_with_examples(written: object) -> None:
    with pytest.raises(ValueError, match=r"must be a size: `64KiB`, `10MiB`, `10MB`"):
        size(written)


@pytest.mark.parametrize(
    ("count", "text"), [(0, 0), (1, 1), (1000, "1kB"), (1024, "1KiB"), (10**9, "1GB"), (1500, 1500)]
)
def test_a_size_is_shown_with_the_unit_that_fits(count: int, text: object) -> None:
    assert size_text(count) == text


@given(st.integers(0, 2**50))
def test_a_size_that_is_shown_reads_as_the_same(count: int) -> None:
    assert size(size_text(count)) == count


def test_a_line_is_printable_and_not_empty() -> None:
    assert line("./var ü") == "./var ü"


@pytest.mark.parametrize("written", ["", "a\nb", "a\0", "a\x7f"])
def test_a_line_without_text_or_with_control_characters_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="must be text without line breaks"):
        line(written)


def test_the_name_of_a_field_becomes_lower_case() -> None:
    assert field_name("X-Request-ID") == "x-request-id"


@pytest.mark.parametrize("written", ["", "a b", "a:", "ä", "a\n"])
def test_what_is_no_token_is_no_name_of_a_field(written: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a header field"):
        field_name(written)


@pytest.mark.parametrize("written", ["x", "a b\tc", "max-age=0", "~"])
def test_the_value_of_a_field_is_visible_ascii(written: str) -> None:
    assert field_value(written) == written


@pytest.mark.parametrize("written", ["", " a", "a ", "a\r\nb: c", "ä", "a\0"])
def test_what_could_split_a_field_is_no_value_of_one(written: str) -> None:
    with pytest.raises(ValueError, match="is not the value of a header field"):
        field_value(written)


def test_names_that_differ_are_apart() -> None:
    assert apart({"a": 1, "b": 2}) == {"a": 1, "b": 2}


def test_names_that_differ_in_case_alone_are_not_apart() -> None:
    with pytest.raises(ValueError, match="`X-A` and `x-a` are one header field"):
        apart({"X-A": 1, "x-a": 2})


def test_what_is_no_mapping_is_left_to_others() -> None:
    assert apart([1]) == [1]
