"""What workers know of services at a start of the whole, before control is there."""

from pathlib import Path

import msgspec
import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.configuration import loaded
from tta_gateway.features.identity.bound import ISSUER_KEYS, KEYS, REVOKED
from tta_gateway.kernel import standing as kernel_standing
from tta_gateway.kernel.registered import REGISTRATION, SECTION, Declared
from tta_gateway.kernel.standing import Instance
from tta_gateway.node.beginning import begun
from tta_gateway.node.keepsake import _PURPOSE, NAME
from tta_gateway.node.remembered import PREFIX, Remembered, remembered_of, section
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.parts import (
    Parts,
    decode_parts,
    registered_parts_of,
    route_of,
    standing_of,
)
from tta_gateway.snapshot.sealed import KEY
from tta_gateway.support.crypto.sealing import key_in, seal

ROUTE = "routes: [{path: /, service: players, auth: none}]\n"
LIVE = "routes: [/live/], auth_none: true"
INSIDE = "listen: [127.0.0.1:8080, {address: 127.0.0.1:8083, internal: true}]\n"
TOKENS = f"registration: {{tokens: [{{token: {{env: TOKEN}}, services: [players], {LIVE}}}]}}\n"


def services(players: str) -> str:
    return f"services:\n  players: {players}\n{ROUTE}"


def instance(port: int, *paths: str) -> Instance:
    routes = tuple(Declared(path=path, auth="none") for path in paths)
    return Instance(id=str(port), endpoint=an_endpoint(port), routes=routes)


def found(*instances: Instance, source: str = "consul") -> Remembered:
    return Remembered(sources={source: instances})


class Folder:
    """A state folder, and what a gateway before this one has kept there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, **known: Remembered) -> None:
        sections = {section(name): msgspec.msgpack.encode(one) for name, one in known.items()}
        key = key_in(self.path / KEY)
        sealed = seal(msgspec.msgpack.encode(sections), key=key, purpose=_PURPOSE)
        (self.path / NAME).write_bytes(sealed)

    def begins(self, text: str) -> Parts:
        """What a gateway with this configuration gives its workers."""
        snapshot = compile_snapshot(loaded(text, {"TOKEN": "a-token-of-the-players"}).settings, 1)
        return decode_parts(begun(encode(snapshot), self.path, wall=lambda: 5.0))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def ports(parts: Parts) -> list[int] | None:
    raw = parts.live.get(kernel_standing.section("players"))
    return None if raw is None else [one.endpoint.port for one in standing_of(raw).endpoints]


def paths(parts: Parts) -> list[str]:
    raw = parts.live.get(SECTION)
    return [] if raw is None else [route_of(one).path for one in registered_parts_of(raw)]


CONSUL = services(f"{{discover: {{consul: players, {LIVE}}}}}")


def test_workers_begin_with_what_registries_said_last_and_with_its_routes(folder: Folder) -> None:
    folder.keep(players=found(instance(9001, "/live/a", "/else"), instance(9002)))
    parts = folder.begins(CONSUL)
    assert ports(parts) == [9001, 9002]
    assert paths(parts) == ["/live/a"]
    assert list(remembered_of(parts.live)) == ["players"]  # control goes on with the same


def test_workers_begin_with_what_is_known_of_the_gateway_s_own_tokens(folder: Folder) -> None:
    told = {KEYS: b"\x81\xa4keys\x90", f"{REVOKED}3": b"\x92\x80\x80"}
    key = key_in(folder.path / KEY)
    sealed = seal(msgspec.msgpack.encode(told), key=key, purpose=_PURPOSE)
    (folder.path / NAME).write_bytes(sealed)
    issuing = "identity: {issuing: {url: 'https://gate'}}\n"
    found = folder.begins(issuing + ROUTE).live
    assert {name: bytes(raw) for name, raw in found.items()} == told
    assert folder.begins(ROUTE).live == {}  # nothing is issued any more


def test_workers_begin_with_the_keys_that_issuers_have_published(folder: Folder) -> None:
    told = {f"{ISSUER_KEYS}clinic": b"\xa1a", f"{ISSUER_KEYS}gone": b"\xa1b", KEYS: b"\xa1c"}
    sealed = seal(msgspec.msgpack.encode(told), key=key_in(folder.path / KEY), purpose=_PURPOSE)
    (folder.path / NAME).write_bytes(sealed)
    issuers = "identity: {issuers: [{name: clinic, keys_url: 'https://id.example/jwks'}]}\n"
    found = folder.begins(issuers + ROUTE).live
    assert {name: bytes(raw) for name, raw in found.items()} == {f"{ISSUER_KEYS}clinic": b"\xa1a"}


def test_of_a_folder_that_holds_nothing_they_know_nothing(folder: Folder) -> None:
    assert folder.begins(CONSUL).live == {}
    (folder.path / NAME).write_bytes(b"nothing of ours")
    assert folder.begins(CONSUL).live == {}
    key_in(folder.path / KEY)
    assert folder.begins(CONSUL).live == {}


@pytest.mark.parametrize(
    ("written", "source", "known"),
    [
        ("{discover: {consul: players}}", "consul", [9001]),
        ("{discover: {etcd: players}}", "consul", None),
        ("{discover: {dns: 'a.example:80'}}", "dns/players", [9001]),
        ("{discover: {dns: 'a.example:80'}}", "dns/worlds", None),
        ("{endpoints: ['http://127.0.0.1:9009']}", "consul", None),
        ("{endpoints: ['http://127.0.0.1:9009']}", REGISTRATION, None),
    ],
)
def test_only_where_the_configuration_still_looks(
    folder: Folder, written: str, source: str, known: list[int] | None
) -> None:
    folder.keep(players=found(instance(9001), source=source), gone=found(instance(1)))
    assert ports(folder.begins(services(written))) == known


def test_those_that_registered_are_asked_where_they_still_may(folder: Folder) -> None:
    folder.keep(players=found(instance(9001, "/live/a"), source=REGISTRATION))
    parts = folder.begins(f"{INSIDE}{TOKENS}{services('{}')}")
    assert ports(parts) == [9001]
    assert paths(parts) == ["/live/a"]


def test_those_that_registered_have_what_their_tokens_still_may_claim(folder: Folder) -> None:
    """Red with registrations not looked at again, in node/claiming.py."""
    folder.keep(players=found(instance(9001, "/live/a", "/gone/a"), source=REGISTRATION))
    parts = folder.begins(f"{INSIDE}{TOKENS}{services('{}')}")
    assert (ports(parts), paths(parts)) == ([9001], ["/live/a"])
    elsewhere = TOKENS.replace("/live/", "/else/")
    parts = folder.begins(f"{INSIDE}{elsewhere}{services('{}')}")
    assert (ports(parts), paths(parts)) == ([9001], [])


def test_what_is_spoken_now_counts_and_not_what_was(folder: Folder) -> None:
    folder.keep(players=found(instance(9001)))
    parts = folder.begins(services("{discover: {consul: players, scheme: https}}"))
    standing = standing_of(parts.live[kernel_standing.section("players")])
    assert [one.endpoint.tls for one in standing.endpoints] == [True]


NAMED = "{endpoints: ['http://a.example:80'], plaintext: a test}"


@pytest.mark.parametrize(
    ("more", "known"), [("", [9001]), ("discovery: {dns: {endpoints: false}}\n", None)]
)
def test_what_a_name_stood_for_is_asked_where_control_resolves_it(
    folder: Folder, more: str, known: list[int] | None
) -> None:
    folder.keep(players=Remembered(resolved={"a.example:80": (instance(9001),)}))
    assert ports(folder.begins(services(NAMED) + more)) == known


def test_what_is_checked_is_asked_until_somebody_has_passed_a_check(folder: Folder) -> None:
    folder.keep(players=found(instance(9001)))
    written = "{discover: {consul: players}, health: {path: /health}}"
    began = folder.begins(services(written))
    standing = standing_of(began.live[kernel_standing.section("players")])
    assert [one.state for one in standing.endpoints] == ["unproved"]


def test_what_is_kept_begins_as_the_next_control_is_told_it() -> None:
    assert section("players") == f"{PREFIX}players"


def test_nobody_is_asked_where_the_gateway_itself_is(folder: Folder) -> None:
    """Red with what is kept given to workers as it is, in node/beginning.py."""
    folder.keep(players=found(instance(8080, "/live/b"), instance(9001, "/live/a")))
    parts = folder.begins(CONSUL)
    assert (ports(parts), paths(parts)) == ([9001], ["/live/a"])
