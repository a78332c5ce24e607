"""Which routes are guarded while nothing is heard of other nodes."""

import msgspec
import pytest

from tests.helpers.configuration import loaded
from tta_gateway.features.nodes.bound import NodesBound
from tta_gateway.settings.compile import compile_snapshot

SERVICES = "services: {up: {endpoints: ['http://127.0.0.1:9']}}\nidentity: {issuing: {url: 'https://gate'}}\n"


def guarded(route: str, more: str = "") -> bool:
    text = f"{SERVICES}{more}routes: [{{path: '/a/{{player_id}}', service: up, {route}}}]\n"
    snapshot = compile_snapshot(loaded(text).settings, 1)
    (found,) = [one for one in snapshot.routes if one.path == "/a/{player_id}"]
    return "nodes" in found.features


@pytest.mark.parametrize(
    ("route", "is_guarded"),
    [
        ("auth: none", False),
        ("auth: required", False),
        ("auth: required, roles: [player, admin]", False),
        ("auth: required, roles: [player, therapist]", True),
        ("auth: required, roles: [crisis_responder]", True),
        ("auth: required, access: {permission: 'progress:read', owner: player_id}", False),
        ("auth: required, access: {owner: player_id, content: clinical}", True),
    ],
)
def test_routes_of_clinical_roles_or_content_are_guarded(route: str, is_guarded: bool) -> None:
    assert guarded(route) is is_guarded


def test_a_role_of_the_operator_s_own_may_be_clinical_too() -> None:
    roles = "access: {roles: {nurse: {extends: [therapist]}, player: {permissions: []}}}\n"
    assert guarded("auth: required, roles: [nurse]", roles)
    assert not guarded("auth: required, roles: [player]", roles)


@pytest.mark.parametrize(
    ("more", "shared"), [("", False), ("valkey_url: rediss://10.0.0.1\n", True)]
)
def test_an_embedded_store_is_shared_with_nobody(more: str, shared: bool) -> None:
    snapshot = compile_snapshot(
        loaded(f"{SERVICES}{more}routes: [{{path: '/a', service: up, auth: none}}]\n").settings, 1
    )
    bound = msgspec.msgpack.decode(snapshot.features["nodes"], type=NodesBound)
    assert bound.shared is shared
