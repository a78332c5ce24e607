"""What a login is answered that needs a second factor."""

import json

from tta_gateway.features.identity.factors_answering import asked_told
from tta_gateway.features.identity.second_factor import Asked


def test_it_has_the_platform_s_shape_and_no_token_in_it() -> None:
    answer = asked_told(Asked("sealed", ("totp",), 300, {"rpId": "home"}))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert json.loads(bytes(answer.body)) == {
        "access_token": "",
        "refresh_token": "",
        "token_type": "bearer",
        "expires_in": 0,
        "mfa_required": True,
        "mfa_challenge": {
            "mfa_token": "sealed",
            "methods": ["totp"],
            "expires_in": 300,
            "enrol": False,
            "webauthn": {"rpId": "home"},
        },
        "user": None,
        "user_info": None,
    }


def test_who_has_none_is_told_to_enrol_one() -> None:
    told = json.loads(bytes(asked_told(Asked("sealed", (), 300)).body))["mfa_challenge"]
    assert (told["enrol"], told["methods"], told["webauthn"]) == (True, [], None)
