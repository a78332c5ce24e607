"""A change as it is prepared."""

from tta_gateway.kernel.two_person import Prepared, Unfit


def test_what_is_unfit_says_why_and_what_is_prepared_stays() -> None:
    assert str(Unfit("not so")) == "not so"
    assert Prepared("{}", "a line") == Prepared("{}", "a line")
