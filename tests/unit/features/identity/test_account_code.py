"""Codes of accounts: what they look like, and what is kept of them."""

import pytest

from tta_gateway.features.identity.account_code import LONGEST, CodePurpose, digest, made


@pytest.mark.parametrize(
    ("purpose", "begins"), [(CodePurpose.INVITE, "tta_in_"), (CodePurpose.RESET, "tta_pr_")]
)
def test_each_is_for_one_thing(purpose: CodePurpose, begins: str) -> None:
    code = made(purpose)
    assert (code.startswith(begins), len(code), made(purpose) != code) == (True, 50, True)
    kept = digest(code, purpose)
    assert kept is not None
    assert (len(kept), digest(f" {code}\n", purpose)) == (32, kept)  # as it is pasted
    assert code.encode() not in kept
    assert [digest(code, other) for other in CodePurpose if other is not purpose] == [None]


def test_what_is_none_is_nothing() -> None:
    for wrong in ("", "tta_", "tta_in", "x" * 50, f"tta_in_{'x' * LONGEST}"):
        assert digest(wrong, CodePurpose.INVITE) is None
    assert digest("tta_in_\ud800", CodePurpose.INVITE) is not None
