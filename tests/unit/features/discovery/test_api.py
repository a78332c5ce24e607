"""How registries are, for operators."""

import json

from fastapi import FastAPI

from tests.helpers.asgi import asked
from tta_gateway.features.discovery.api import router
from tta_gateway.features.discovery.state import RegistryState
from tta_gateway.kernel.registered import Refused
from tta_gateway.kernel.standing import RefusedInstance


class Claims:
    """What has become of what was declared."""

    def had(self, source: str) -> list[tuple[str, str]]:
        return [("chat", "GET /a")] if source == "etcd" else []

    def refused(self, source: str) -> list[Refused]:
        one = Refused(source="consul", service="mail", route="/b", reason="it is not allowed")
        return [one] if source == "consul" else []


def left(source: str) -> list[RefusedInstance]:
    one = RefusedInstance(
        source="etcd", service="chat", endpoint="127.0.0.1:8081", reason="it is ours"
    )
    return [one] if source == "etcd" else []


def test_each_registry_is_told_with_its_times_and_its_last_error() -> None:
    states = [
        RegistryState(
            provider="etcd",
            services=("players", "chat"),
            reachable=False,
            since=1_700_000_000.25,
            changed=1_699_999_999.0,
            error="it does not answer within 5 s",
            fault="KeyError at etcd_provider.py:12",
            faults=3,
            instances={"players": 2},
            unconfirmed=("players",),
        ),
        RegistryState(provider="consul", services=("mail",)),
    ]
    app = FastAPI()
    app.include_router(router(lambda: states, Claims(), left))
    told = json.loads(asked(app, "GET", "/admin/v1/registries").body)
    assert told == {
        "registries": [
            {
                "provider": "etcd",
                "services": ["players", "chat"],
                "reachable": False,
                "since": "2023-11-14T22:13:20.250+00:00",
                "last_change": "2023-11-14T22:13:19.000+00:00",
                "last_error": "it does not answer within 5 s",
                "fault": "KeyError at etcd_provider.py:12",
                "faults": 3,
                "instances": {"players": 2},
                "unconfirmed": ["players"],
                "routes": [{"service": "chat", "route": "GET /a"}],
                "refused_routes": [],
                "refused_instances": [
                    {"service": "chat", "endpoint": "127.0.0.1:8081", "reason": "it is ours"}
                ],
            },
            {
                "provider": "consul",
                "services": ["mail"],
                "reachable": None,
                "since": None,
                "last_change": None,
                "last_error": "",
                "fault": "",
                "faults": 0,
                "instances": {},
                "unconfirmed": [],
                "routes": [],
                "refused_routes": [
                    {"service": "mail", "route": "/b", "reason": "it is not allowed"}
                ],
                "refused_instances": [],
            },
        ]
    }
