"""Keys whose features are not built yet."""

import pytest

from tests.helpers.configuration import complaints
from tta_gateway.settings import not_yet
from tta_gateway.settings.document import read
from tta_gateway.settings.not_yet import NOT_YET, sentence, take_out


def test_a_key_that_is_not_built_yet_is_named_with_what_would_not_happen() -> None:
    assert complaints("audit: {}\n") == [
        "gateway.yaml:1:1 audit: `audit` is not built yet: take the line out; nothing here would "
        "keep an audit trail"
    ]


def test_such_keys_are_found_at_every_level_and_taken_out() -> None:
    document = read("audit: 1\nservices: {tls: {host: 1}}\nroutes: [{cache: {cache: 1}}]")
    take_out(document)
    assert document.tree == {"services": {"tls": {"host": 1}}, "routes": [{}]}
    assert [complaint.path[-1] for complaint in document.complaints] == [
        "audit",
        "cache",
    ]


def test_what_an_operator_names_is_no_key() -> None:
    document = read("services: {health: {}, cache: {}}\nroutes: [{request_headers: {cache: a}}]")
    take_out(document)
    assert document.complaints == []


@pytest.mark.parametrize("key", sorted(NOT_YET))
def test_every_such_key_says_what_would_not_happen(key: str) -> None:
    assert sentence(key, NOT_YET[key]).startswith(f"`{key}` is not built yet: take the line out; ")


@pytest.mark.parametrize("key", ["admin"])
def test_a_key_taken_out_of_the_table_is_there(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setattr(not_yet, "NOT_YET", {})
    assert complaints(f"{key}: 127.0.0.1:8085") == []
    assert "must be an address with a port" in complaints(f"{key}: 8085")[0]
