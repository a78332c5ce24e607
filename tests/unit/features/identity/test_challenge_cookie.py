"""The cookie that holds a challenge: for a while, for `/api/v1/auth`, and for no script."""

import msgspec

from tests.helpers.identity_house import ISSUING
from tta_gateway.features.identity.challenge_cookie import field, name


def test_it_lasts_as_long_as_the_challenge_and_no_script_sees_it() -> None:
    kept = field(ISSUING, "sealed")
    assert kept == (
        "__Secure-tta-mfa=sealed; Max-Age=300; Path=/api/v1/auth; HttpOnly; SameSite=Strict; Secure"
    )
    assert "Max-Age=0;" in field(ISSUING, "")


def test_without_tls_it_promises_none() -> None:
    plain = msgspec.structs.replace(ISSUING, secure=False)
    assert name(plain) == "tta-mfa"
    assert "Secure" not in field(plain, "sealed")
