"""Keys and the journal, as operators write them."""

import base64

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.show import show
from tta_gateway.snapshot.model import Snapshot

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
ENVIRON = {
    "HEX": KEY.hex(),
    "BASE64": base64.b64encode(OTHER).decode(),
    "SHORT": "kanarie",
    "WEAK": "00" * 32,
}


def compiled(text: str) -> Snapshot:
    return compile_snapshot(loaded(text, ENVIRON).settings, 1)


def test_nothing_written_is_a_key_in_the_state_folder_and_a_journal_on_a_disk() -> None:
    snapshot = compiled("")
    assert snapshot.encryption_keys == ()
    assert not snapshot.volatile_journal


def test_the_first_key_seals() -> None:
    text = "encryption: {keys: [{env: BASE64}, {env: HEX}, {env: BASE64}]}\n"
    assert compiled(text).encryption_keys == (OTHER, KEY)


def test_a_demonstration_may_have_it_in_memory() -> None:
    assert compiled("journal: {in_memory: allow}\n").volatile_journal


SHARED = "valkey_url: redis://127.0.0.1:6379\nrealtime: {channels: {news: {}}}\n"


def test_channels_in_a_store_that_others_share_need_a_key_or_a_reason() -> None:
    (line,) = complaints(SHARED, ENVIRON)
    assert "write `encryption: {keys: […]}`, the same at all nodes" in line
    assert not compiled(SHARED + "encryption: {keys: [{env: HEX}]}\n").may_be_unsealed
    assert compiled(SHARED + "encryption: {unsealed: nothing is kept of people}\n").may_be_unsealed


@pytest.mark.parametrize("name", ["SHORT", "WEAK"])
def test_what_is_no_key_is_refused_and_not_quoted(name: str) -> None:
    (complaint,) = complaints(f"encryption: {{keys: [{{env: {name}}}]}}\n", ENVIRON)
    assert "openssl rand -hex 32" in complaint
    assert ENVIRON[name] not in complaint


def test_a_key_does_not_stand_in_the_configuration_itself() -> None:
    (complaint,) = complaints(f"encryption: {{keys: [{KEY.hex()}]}}\n", ENVIRON)
    assert "does not stand in the configuration itself" in complaint


def test_no_key_is_shown() -> None:
    found = loaded("encryption: {keys: [{env: HEX}]}\n", ENVIRON)
    shown = show(found.settings, found.document)
    assert "HEX" in shown
    assert KEY.hex() not in shown
