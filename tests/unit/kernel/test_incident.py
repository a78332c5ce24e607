"""What may have been promised to a person: words that nobody else has."""

import pytest

from tests.helpers.incidents import a_report
from tta_gateway.kernel.incident import Source, is_promised, mark_of, whose_key


@pytest.mark.parametrize(
    ("level", "source", "evidence", "promised"),
    [
        (2, "request", b"sealed", True),
        (3, "message", b"sealed", True),
        (1, "request", b"sealed", False),
        (3, "reply", b"sealed", False),
        (3, "drill", b"sealed", False),
        (3, "request", b"", False),
    ],
)
def test_only_what_no_service_has_and_is_kept_is_promised(
    level: int, source: Source, evidence: bytes, promised: bool
) -> None:
    report = a_report(level=level, source=source, evidence=evidence, delivered=False)
    assert is_promised(report) == promised
    assert not is_promised(a_report(level=level, source=source, evidence=evidence))


def test_a_mark_tells_apart_what_somebody_writes_through_and_says_nothing_of_it() -> None:
    marks = {mark_of(network, way) for network in ("network/1", "network/2") for way in "ab"}
    assert len(marks) == 4
    assert mark_of("network/1", "a") in marks
    assert all(len(one) == 12 for one in marks)


@pytest.mark.parametrize(
    ("person", "whose"),
    [
        ("clinic/ada", "clinic/ada"),
        ("clinic/a/d/a", "clinic/a/d/a"),
        ("network/1", "network/1"),
        ("network/1/c", "network/1"),
    ],
)
def test_all_of_a_network_have_one_key_and_everybody_else_their_own(
    person: str, whose: str
) -> None:
    assert whose_key(person) == whose
