"""Plaintext: a reason is shown again as it was written, and none is there where none is."""

from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.show import show


def test_a_reason_is_shown_so_that_whoever_reads_the_settings_knows_it() -> None:
    found = loaded("plaintext: {listen: ' one host '}\n")
    assert found.settings.plaintext.listen == "one host"
    assert 'listen: "one host"' in show(found.settings, found.document)


def test_where_nothing_is_written_nothing_is_excused() -> None:
    assert set(dict(loaded("").settings.plaintext).values()) == {None}


def test_there_is_no_reason_for_what_nobody_asks_about() -> None:
    assert "plaintext.elsewhere" in complaints("plaintext: {elsewhere: why}\n")[0]
