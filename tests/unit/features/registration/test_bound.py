"""Who may register: everything that may be claimed, whoever does."""

from tta_gateway.features.registration.bound import Caller, RegistrationBound, Token


def test_claims_are_those_of_tokens_and_of_certificates() -> None:
    token = Token(digest=b"x", services=("players",))
    caller = Caller(id="spiffe://tta/worlds", services=("worlds",))
    assert RegistrationBound(tokens=(token,), callers=(caller,)).claims == (token, caller)
    assert RegistrationBound().claims == ()
