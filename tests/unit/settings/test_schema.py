"""The JSON Schema: what editors are told agrees with what is accepted."""

import json
import re
from collections.abc import Iterator
from typing import cast

import pytest

from tests.helpers.configuration import GOLDEN
from tta_gateway.settings.document import Value, read
from tta_gateway.settings.not_yet import NOT_YET
from tta_gateway.settings.schema import DRAFT, REF, Json, schema

WHOLE = schema()
KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}


def nodes(made: Json) -> Iterator[dict[str, Json]]:
    if isinstance(made, dict):
        yield made
    below = made.values() if isinstance(made, dict) else made if isinstance(made, list) else ()
    for one in below:
        yield from nodes(one)


def mapping(made: Json) -> dict[str, Json]:
    assert isinstance(made, dict)
    return made


def members(made: Json) -> list[Json]:
    assert isinstance(made, list)
    return made


def definition(ref: Json) -> dict[str, Json]:
    return mapping(mapping(WHOLE["definitions"])[str(ref).removeprefix(REF)])


def accepts(made: dict[str, Json], value: Value) -> bool:
    """Whether the value is valid, by as much of draft 7 as the schema uses."""
    return all(RULES[word](made, value) for word in made if word in RULES)


def is_kind(made: dict[str, Json], value: Value) -> bool:
    words = made["type"] if isinstance(made["type"], list) else [made["type"]]
    return any(
        isinstance(value, KINDS[str(word)]) and (word == "boolean" or not isinstance(value, bool))
        for word in words
    )


def has_good_keys(made: dict[str, Json], value: Value) -> bool:
    properties, others = mapping(made.get("properties", {})), made.get("additionalProperties", True)
    return not isinstance(value, dict) or all(
        accepts(mapping(properties[key]), one)
        if key in properties
        else others is True or (isinstance(others, dict) and accepts(others, one))
        for key, one in value.items()
    )


RULES = {
    "type": is_kind,
    "enum": lambda made, value: value in made["enum"],
    "const": lambda made, value: value == made["const"],
    "$ref": lambda made, value: accepts(definition(made["$ref"]), value),
    "anyOf": lambda made, value: any(accepts(mapping(one), value) for one in made["anyOf"]),
    "allOf": lambda made, value: all(accepts(mapping(one), value) for one in made["allOf"]),
    "pattern": lambda made, value: (
        not isinstance(value, str) or re.search(made["pattern"], value) is not None
    ),
    "items": lambda made, value: (
        not isinstance(value, list) or all(accepts(mapping(made["items"]), one) for one in value)
    ),
    "required": lambda made, value: (
        not isinstance(value, dict) or set(made["required"]) <= {*value}
    ),
    "minProperties": lambda made, value: (
        not isinstance(value, dict) or len(value) >= made["minProperties"]
    ),
    "additionalProperties": has_good_keys,
}


@pytest.mark.parametrize("name", ["full", "defaults", "words"])
def test_the_schema_accepts_what_is_accepted(name: str) -> None:
    assert accepts(WHOLE, read((GOLDEN / f"{name}.yaml").read_text()).tree)


@pytest.mark.parametrize(
    "text",
    [
        "routes: []\nx: 1",
        "services: {}",
        "routes: [{service: a}]",
        "routes: [{path: /, auth: x}]",
        "routes: []\nclient_timeouts: {header: 1d}",
        "routes: []\nlimits: {fields: x}",
        "routes: []\nadmin: 1",
        "routes: []\nadmin_metrics: all",
        "routes: []\naudit: {}",
        "routes: []\nservices: {a: {endpoints: [1]}}",
        "routes: []\nlisten: 1",
    ],
)
def test_the_schema_refuses_what_is_refused(text: str) -> None:
    assert not accepts(WHOLE, read(text).tree)


def test_the_schema_is_json_of_a_draft_that_editors_know() -> None:
    assert json.loads(json.dumps(WHOLE)) == WHOLE
    assert next(iter(WHOLE.items())) == ("$schema", DRAFT)


def test_every_reference_leads_somewhere_and_stands_alone() -> None:
    references = [node for node in nodes(WHOLE) if "$ref" in node]
    assert all(definition(node["$ref"]) and len(node) == 1 for node in references)


def test_every_key_has_a_sentence_on_one_line() -> None:
    owners = [mapping(node["properties"]) for node in nodes(WHOLE) if "properties" in node]
    sentences = [str(mapping(one)["description"]) for owner in owners for one in owner.values()]
    assert all(sentence.endswith((".", "`)).")) and "\n" not in sentence for sentence in sentences)


def test_defaults_are_written_as_operators_write_them() -> None:
    route = mapping(definition(REF + "RouteConfig")["properties"])
    assert mapping(route["max_body"])["default"] == "10MiB"
    assert mapping(mapping(route["timeouts"])["default"])["total"] == "1m"
    assert "default" not in mapping(route["host"])


def test_what_is_not_built_yet_is_not_offered() -> None:
    assert not NOT_YET.keys() & mapping(WHOLE["properties"]).keys()


def test_every_definition_is_named_somewhere() -> None:
    """Else a form that a value may have is missing where it stands beside others."""
    made = schema()
    named = set(re.findall(r"#/definitions/(\w+)", json.dumps(made)))
    assert named == set(cast("dict[str, object]", made["definitions"]))
