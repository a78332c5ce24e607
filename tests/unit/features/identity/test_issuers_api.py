"""How issuers are whose keys are fetched, for operators."""

import json

from fastapi import FastAPI

from tests.helpers.asgi import asked
from tests.unit.features.identity.issuing import a_signer
from tta_gateway.features.identity.bound import KeySource
from tta_gateway.features.identity.issuer_keys import Watched
from tta_gateway.features.identity.issuers_api import router


def test_each_issuer_is_told_with_its_keys_and_its_last_error() -> None:
    jwk = json.dumps(a_signer().as_dict(private=False)).encode()
    source = KeySource(url="https://a", discovers=True)
    states = [
        Watched(
            "clinic", source, (jwk, b"{}", b"["), fetched=1_700_000_000.0, failures=2, error="no"
        ),
        Watched("school", KeySource(url="https://b/c")),
        Watched("club", source, fetched=1_700_000_000.0),
    ]
    app = FastAPI()
    app.include_router(router(lambda: states, lambda one: float(len(one.name))))
    told = asked(app, "GET", "/admin/v1/issuers").json["issuers"]
    assert told[0] == {
        "name": "clinic",
        "source": "https://a",
        "discovers": True,
        "reachable": False,
        "fetched": "2023-11-14T22:13:20Z",
        "next_in": 6.0,
        "failures": 2,
        "last_error": "no",
        "keys": [{"id": "k1", "algorithms": ["Ed25519", "EdDSA"]}],
    }
    assert [(one["reachable"], one["fetched"]) for one in told[1:]] == [
        (False, None),
        (True, "2023-11-14T22:13:20Z"),
    ]
