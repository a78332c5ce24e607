"""Why something is not shown."""

from tta_gateway.features.safety.problems import WITHHELD


def test_what_was_not_shown_is_said_to_be_no_fault_of_the_client_s() -> None:
    assert (WITHHELD.code, WITHHELD.status) == ("safety_reply_withheld", 422)
