"""The schema of the file, as JSON Schema, for editors.

Draft 7, because editors' YAML servers know it whole; there, what stands beside a `$ref` is ignored,
so that each `$ref` is wrapped.  Keys whose features are not built yet are left out.
"""

from typing import Final, TypeAlias

from pydantic.json_schema import GenerateJsonSchema

from tta_gateway.settings.not_yet import NOT_YET
from tta_gateway.settings.said_below import sentences
from tta_gateway.settings.tree import Settings
from tta_gateway.support.config import Config

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
REF: Final = "#/definitions/"


def schema() -> dict[str, Json]:
    """Return the schema of the whole file."""
    whole = Settings.model_json_schema(
        ref_template=REF + "{model}", schema_generator=_WithoutTitles
    )
    definitions = whole.pop("$defs")
    for model in _models():
        made = whole if model is Settings else definitions.get(model.__name__)
        if made is not None:  # else nobody writes it: others are made of it
            _complete(made, model)
    for key in NOT_YET.keys() & whole["properties"].keys():
        del whole["properties"][key]
    tidy = {name: _tidy(made) for name, made in {**whole, "definitions": definitions}.items()}
    return {"$schema": DRAFT, **tidy, "title": "tta-gateway"}


class _WithoutTitles(GenerateJsonSchema):
    """A generator that makes no titles of the names of fields."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's own
        return False


def _models() -> list[type[Config]]:
    """Return the models of the tree, each with the fields that it has."""
    found = [model for model in Config.__subclasses__() if model.__module__.startswith(_OURS)]
    return [*found, *(one for model in found for one in model.__subclasses__())]


def _complete(made: dict[str, Json], model: type[Config]) -> None:
    """Give each property its sentence, and its default as operators write it."""
    defaults = model.model_construct().model_dump(mode="json", by_alias=True)
    properties = made["properties"]
    assert isinstance(properties, dict)  # JSON Schema has it so
    said = sentences(model)
    for field, info in model.model_fields.items():
        name = info.alias or field
        prop = properties[name]
        assert isinstance(prop, dict)  # as above
        prop["description"] = said.get(field)
        if name in defaults:
            properties[name] = _defaulted(prop, defaults[name])


def _defaulted(prop: dict[str, Json], default: Json) -> dict[str, Json]:
    """Return the property with its default; null stands for a key that is left out."""
    if default is not None:
        return {**prop, "default": default}
    branches = prop.pop("anyOf")
    assert isinstance(branches, list)  # of the forms of the type, and null
    del prop["default"]
    forms = [branch for branch in branches if branch != {"type": "null"}]
    if len(forms) > 1:
        return {"anyOf": forms, **prop}
    assert isinstance(forms[0], dict)  # as above
    return {**forms[0], **prop}


def _tidy(made: Json) -> Json:
    """Return the schema with each `$ref` wrapped, and each sentence on one line."""
    if isinstance(made, list):
        return [_tidy(one) for one in made]
    if not isinstance(made, dict):
        return made
    tidy = {name: _tidy(one) for name, one in made.items()}
    if isinstance(description := tidy.get("description"), str):
        tidy["description"] = " ".join(description.split())
    if "$ref" in tidy and len(tidy) > 1:
        tidy["allOf"] = [{"$ref": tidy.pop("$ref")}]
    return tidy


_OURS: Final = "tta_gateway."
