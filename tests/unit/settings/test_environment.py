"""The environment, laid over the file."""

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.complaint import Source
from tta_gateway.settings.document import Value, read
from tta_gateway.settings.environment import overlay


def tree(text: str, **variables: str) -> Value:
    document = read(text)
    overlay(document, {f"TTA_GATEWAY__{name}": value for name, value in variables.items()})
    assert not document.complaints
    return document.tree


def test_a_variable_replaces_a_value_and_is_yaml() -> None:
    assert tree("a: 1\nb: 2", A="[x, off, 3]") == {"a": ["x", "off", 3], "b": 2}


def test_a_double_underscore_leads_one_level_down() -> None:
    assert tree("a: {b: {c: 1, d: 2}}", A__B__C="x") == {"a": {"b": {"c": "x", "d": 2}}}


def test_levels_that_are_missing_or_empty_are_made() -> None:
    assert tree("a:", A__B="1", C__D__E="2") == {"a": {"b": 1}, "c": {"d": {"e": 2}}}


def test_an_empty_file_can_be_filled() -> None:
    assert tree("null", A="1") == {"a": 1}


def test_a_number_leads_to_a_place_in_a_list() -> None:
    assert tree("a: [{b: 1}, 2]", A__0__B="x", A__1="y") == {"a": [{"b": "x"}, "y"]}


def test_a_key_that_is_there_is_meant_though_it_has_dashes_or_capitals() -> None:
    assert tree("a-b: {C: 1}", A_B__C="2") == {"a-b": {"C": 2}}


def test_a_value_comes_before_what_is_laid_into_it() -> None:
    assert tree("", A__B="2", A="{b: 1, c: 1}") == {"a": {"b": 2, "c": 1}}


def test_an_empty_variable_is_null() -> None:
    assert tree("a: 1", A="") == {"a": None}


def test_an_anchored_value_changes_in_one_place_alone() -> None:
    assert tree("a: &x {y: 1}\nb: *x", B__Y="2") == {"a": {"y": 1}, "b": {"y": 2}}


def test_other_variables_are_left_alone() -> None:
    document = read("a: 1")
    overlay(document, {"TTA_GATEWAY_A": "2", "A": "3", "tta_gateway__a": "4"})
    assert document.tree == {"a": 1}


def test_what_a_variable_says_is_known_to_come_from_it() -> None:
    document = read("a: {b: {c: 1}}")
    overlay(document, {"TTA_GATEWAY__A__B": "{c: 2}"})
    assert document.place(("a", "b", "c")) == Source("TTA_GATEWAY__A__B")
    assert document.place(("a",)) != Source("TTA_GATEWAY__A__B")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("", "1", ": names an empty level"),
        ("A____B", "1", ": names an empty level"),
        ("WORKERS__X", "1", " workers: leads into `workers`, which holds no keys"),
        ("ROUTES__1__PATH", "/", " routes: has no entry `1`: it holds 1, which are counted from 0"),
        ("ROUTES__X__PATH", "/", " routes: has no entry `X`"),
        ("ROUTES__0000000000", "/", " routes: has no entry `0000000000`"),
        ("LISTEN", "[::1]:80", " listen: is not YAML: did not find"),
        ("LISTEN", "{a: 1, a: 2}", " listen.a: stands twice"),
        ("LISTEN", "\udcff", " listen: is not YAML"),
        ("WORKERZ", "1", " workerz: is not a key here: do you mean `workers`?"),
        ("WORKERS", "x", " workers: must be a whole number, not the text `x`"),
        ("DATABASE_URL", "sqlite://", " database_url: must begin with `postgresql://`"),
        ("ADMIN", "8081", " admin: must be an address with a port"),
        ("CORS__MAX_AGE", "x", " cors.max_age: must be a duration"),
        ("SERVICES__X", "{}", " services.x.endpoints: is missing"),
    ],
)
def test_what_is_wrong_with_a_variable_is_said_with_its_name(
    name: str, value: str, said: str
) -> None:
    found = complaints("workers: 1", {f"TTA_GATEWAY__{name}": value})
    assert [line[: len(name) + 13 + len(said)] for line in found] == [f"TTA_GATEWAY__{name}{said}"]


def test_a_name_that_could_mean_two_keys_is_refused() -> None:
    document = read("a-b: 1\nA_B: 2")
    overlay(document, {"TTA_GATEWAY__A_B": "3"})
    assert [complaint.line("f") for complaint in document.complaints] == [
        "TTA_GATEWAY__A_B: could mean `a-b` and `A_B`: write it in the file"
    ]


def test_a_file_that_is_no_mapping_cannot_be_filled() -> None:
    document = read("- a")
    overlay(document, {"TTA_GATEWAY__B__C": "3"})
    assert [complaint.sentence for complaint in document.complaints] == [
        "has no entry `B`: it holds 1, which are counted from 0"
    ]
    document = read("a")
    overlay(document, {"TTA_GATEWAY__B": "3"})
    assert [complaint.sentence for complaint in document.complaints] == [
        "leads into the file, which holds no keys"
    ]


def test_the_environment_reaches_the_settings() -> None:
    settings = loaded("workers: 1", {"TTA_GATEWAY__SERVICES__PLAYERS__HOST": "a.example"}).settings
    assert settings.services["players"].host == "a.example"
