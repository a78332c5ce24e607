"""Shorthand: a value alone, where the long form is a mapping or a list that holds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

ADDRESS: Final = {"title": "address", "type": "string"}
URL: Final = {"title": "URL", "type": "string"}


@dataclass(frozen=True, slots=True)
class Shorthand:
    """Annotation of a type: `long` writes a value out; `schema` tells editors what it may be."""

    long: Callable[[object], object]
    schema: Mapping[str, object] = field(hash=False)  # a mapping has none

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Write the value out before the type looks at it."""
        return core_schema.no_info_before_validator_function(self._written, handler(source))

    def _written(self, value: object) -> object:
        return value if isinstance(value, dict | list) else self.long(value)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tell editors that both are good."""
        return {"anyOf": [dict(self.schema), handler(schema)]}
