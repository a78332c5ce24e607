"""What tokens of OAuth say."""

from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.oauth_client import OAuthClient, Terms
from tta_gateway.features.identity.oauth_tokens import of_client, of_identity
from tta_gateway.features.identity.store import Session, User

ISSUING = Issuing(url="https://gate", roles={"service": (), "player": ()}, access=600.0)


def test_a_client_s_own_says_that_it_is_the_client() -> None:
    terms = Terms(kind="confidential", roles=("service", "gone"))
    client = OAuthClient("client-1", "app", terms, "active", 0.0, "e1")
    told = of_client(ISSUING, client, "read", token_id="j1", now=1000.5)
    assert told == {
        "scope": "read",
        "iss": "https://gate",
        "sub": "client-1",
        "aud": ["tta"],
        "iat": 1000.5,
        "nbf": 1000,
        "exp": 1600,
        "jti": "j1",
        "sid": "e1",
        "client_id": "client-1",
        "roles": ["service"],
    }
    assert "scope" not in of_client(ISSUING, client, "", token_id="j1", now=0.0)


def test_an_id_token_is_for_the_client_and_holds_no_address() -> None:
    user = User("u1", "ada@example.org", "active", 0.0, 0.0, called="ada@example.org")
    session = Session("s1", "u1", 900.0, 1000.0, 9000.0, "pwd otp", "client-1", "openid")
    told = of_identity(ISSUING, user, session, nonce="n1", seconds=600)
    assert (told["aud"], told["azp"], told["sub"]) == ("client-1", "client-1", "u1")
    assert (told["auth_time"], told["iat"], told["exp"]) == (900, 1000, 1600)
    assert (told["nonce"], told["amr"]) == ("n1", ["pwd", "otp"])
    assert "example" not in str(told)
    assert "nonce" not in of_identity(ISSUING, user, session, nonce="", seconds=1)
