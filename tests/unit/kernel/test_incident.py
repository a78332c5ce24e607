import pytest

from tta_gateway.kernel.incident import Report, Source, is_promised


def a_report(source: Source, *, level: int, delivered: bool, evidence: bytes) -> Report:
    return Report(
        id="1",
        at=0.0,
        person="somebody",
        identity="verified",
        level=level,
        categories=("suicide",),
        rules=(),
        version="",
        source=source,
        route="",
        service="",
        correlation="",
        delivered=delivered,
        evidence=evidence,
    )


@pytest.mark.parametrize(
    ("source", "level", "delivered", "evidence", "promised"),
    [
        ("request", 2, False, b"sealed", True),
        ("message", 3, False, b"sealed", True),
        ("request", 2, True, b"sealed", False),
        ("request", 1, False, b"sealed", False),
        ("request", 3, False, b"", False),
        ("reply", 3, False, b"sealed", False),
        ("drill", 3, False, b"sealed", False),
    ],
)
def test_what_no_service_has_heard_is_promised_where_there_are_words(
    source: Source, level: int, delivered: bool, evidence: bytes, promised: bool
) -> None:
    report = a_report(source, level=level, delivered=delivered, evidence=evidence)
    assert is_promised(report) is promised
