from tta_gateway.features.error_records.record import Record, Row, row_of


def test_a_row_shows_what_a_record_is_found_by_and_no_more() -> None:
    record = Record(
        id="r", at=1.0, correlation="c", kind="error", status=502, code="x", path="/secret"
    )
    assert row_of(record, b"sealed") == Row(
        id="r", at=1.0, correlation="c", kind="error", status=502, code="x", sealed=b"sealed"
    )
