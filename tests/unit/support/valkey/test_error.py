"""What may become of a command."""

import pytest

from tta_gateway.support.valkey.error import Refused, Timeout, Unavailable, ValkeyError


@pytest.mark.parametrize(
    ("text", "code", "is_passing"),
    [
        ("LOADING Valkey is loading the dataset in memory", "LOADING", True),
        ("READONLY You can't write against a read only replica.", "READONLY", True),
        ("WRONGTYPE Operation against a key", "WRONGTYPE", False),
        ("OOM command not allowed", "OOM", False),
        ("EXECABORT", "EXECABORT", False),
    ],
)
def test_an_error_of_the_server_has_its_code(text: str, code: str, is_passing: bool) -> None:
    error = Refused(text)
    assert (error.code, error.is_passing, error.text) == (code, is_passing, text)


def test_a_command_that_was_not_sent_is_not_done() -> None:
    assert not Unavailable("why").may_be_done
    assert Timeout("late", may_be_done=True).may_be_done


def test_one_word_catches_them_all() -> None:
    assert issubclass(Refused, ValkeyError)
    assert issubclass(Timeout, Unavailable)
    assert issubclass(Unavailable, ValkeyError)
