"""What is said through a socket."""

import pytest

from tests.helpers.sayings import a_saying
from tta_gateway.kernel.said import Said


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (a_saying(b"a secret"), "<text of 8 bytes by the client>"),
        (a_saying(b"", is_text=False, by_service=True), "<binary of 0 bytes by the service>"),
    ],
)
def test_what_is_shown_of_a_message_is_nobody_s_secret(said: Said, shown: str) -> None:
    assert repr(said) == shown
