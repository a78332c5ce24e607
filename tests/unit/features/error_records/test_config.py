import pytest
from pydantic import ValidationError

from tta_gateway.features.error_records.bound import ErrorRecordsBound
from tta_gateway.features.error_records.config import ErrorRecordsConfig, compile


def test_left_out_records_are_kept_for_three_days() -> None:
    assert compile(ErrorRecordsConfig()) == ErrorRecordsBound()
    assert ErrorRecordsBound().keep == 72 * 3600.0


def test_what_is_written_counts() -> None:
    written = {"enabled": False, "keep": "1h", "size": "2MiB", "body": 0}
    bound = compile(ErrorRecordsConfig.model_validate(written))
    assert bound == ErrorRecordsBound(enabled=False, keep=3600.0, size=2 << 20, body=0)


@pytest.mark.parametrize("wrong", [{"keep": 0}, {"size": "1KiB"}, {"body": "1MiB"}, {"x": 1}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ErrorRecordsConfig.model_validate(wrong)
