"""Secrets, as operators write them: not the secret itself, but where it stands.

    valkey_url: {file: secrets/valkey}     in a file; its path begins at the configuration's folder
    valkey_url: {env: VALKEY_URL}          in a variable of the environment

They are read whenever the configuration is.  What is shown of one is where it stands, and no
complaint quotes what stands there.
"""

import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Generic, TypeAlias, TypeVar

from pydantic import (
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from tta_gateway.settings import complaint
from tta_gateway.snapshot.model import SecretFile
from tta_gateway.support.config import Config, line
from tta_gateway.support.file_stamp import stamp_of

HIDDEN: Final = "***"
"""Stands in what is shown for what is not."""
LARGEST: Final = 64 * 1024
_VARIABLE: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_QUOTED: Final = re.compile("`([^`]+)`")
_BARE: Final = (
    "is a secret, and does not stand in the configuration itself: write `{file: …}` with the path "
    "of a file that holds it, or `{env: …}` with the name of a variable"
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where secrets are looked for: the folder that paths begin at, and the environment."""

    folder: Path
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a file or in a variable, and the words that name it."""

    named: str
    text: str = field(repr=False)
    file: SecretFile | None = None


@dataclass(frozen=True, slots=True)
class Secret(Generic[T]):
    """A secret: its value, what may be shown of it, and the file that it came from, if any."""

    value: T = field(repr=False)
    shown: str | dict[str, str]
    file: SecretFile | None = None


# --- where it stands -----------------------------------------------------------------------------


def _in_file(value: object, info: ValidationInfo) -> Found:
    """Return what a file holds; ValueError in words if that can be no secret."""
    written = line(value) if isinstance(value, str) else ""
    if not written:
        raise ValueError("must be the path of a file, in quotes where YAML takes it for another")
    path = _sources(info).folder / written
    stamp = stamp_of(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe is to wait
            raise ValueError(f"`{path}` is no file: name one that holds the secret and no more")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"`{path}` cannot be read: {error.strerror}: {_advice(error)}") from None
    if len(data) > LARGEST:
        raise ValueError(f"`{path}` is larger than 64KiB: name a file that holds the secret alone")
    assert stamp is not None  # it has been read
    return Found(written, _text(data, f"`{path}`"), SecretFile(str(path.absolute()), stamp))


def _advice(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "let the gateway's user read it (`chown`), and nobody else"
    return "a path that is not whole begins at the folder of the configuration"


def _in_environment(value: object, info: ValidationInfo) -> Found:
    """Return what a variable holds; ValueError in words if that can be no secret."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ValueError(
            "must be the name of a variable: letters, digits and `_` make one, and it does not "
            "begin with a digit"
        )
    found = _sources(info).environ.get(value)
    if found is None:
        raise ValueError(
            f"`{value}` is not set in the environment: set it for the process that says this, and "
            "where the gateway is started"
        )
    return Found(value, _text(found.encode(errors="surrogateescape"), f"`{value}`"))


def _sources(info: ValidationInfo) -> Sources:
    assert isinstance(info.context, Sources)  # see settings/load.py
    return info.context


def _text(data: bytes, named: str) -> str:
    """Return the text without the line end that editors and `echo` put behind it."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{named} does not hold UTF-8: write it as text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError(f"{named} is empty: write the secret into it")
    return text


_InFile: TypeAlias = Annotated[
    Found,
    PlainValidator(_in_file),
    PlainSerializer(lambda found: found.named, return_type=str),
    WithJsonSchema({"title": "file", "type": "string"}),
]
_InEnvironment: TypeAlias = Annotated[
    Found,
    PlainValidator(_in_environment),
    PlainSerializer(lambda found: found.named, return_type=str),
    WithJsonSchema({"title": "name of a variable", "type": "string"}),
]


class SecretConfig(Config):
    """Where a secret stands: in a file, or in a variable of the environment."""

    file: _InFile | None = None
    """A file that holds it and no more, in UTF-8; a line end behind it does not count.  The path
    begins at the folder of the configuration, and the file is watched."""

    env: _InEnvironment | None = None
    """A variable of the environment in which the gateway is started."""

    @model_validator(mode="after")
    def _stands_once(self) -> "SecretConfig":
        if (self.file is None) == (self.env is None):
            raise ValueError("must name one of the two: `file: …` or `env: …`")
        return self


# --- what it is ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holds(Generic[T]):
    """Annotation of a `Secret`: `read` makes its value of the text, or says what is wrong with it.

    `shown` is what may be seen of a value that stands in the configuration itself, and `schema`
    what editors are told of that; without them it may not stand there.
    """

    read: Callable[[object], T]
    shown: Callable[[T], str] | None = None
    schema: Mapping[str, object] | None = field(default=None, hash=False)  # a mapping has none

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Look where the secret stands, and then at the secret."""
        return core_schema.no_info_wrap_validator_function(
            self._made,
            handler.generate_schema(SecretConfig),
            serialization=core_schema.plain_serializer_function_ser_schema(_shown),
        )

    def _made(self, value: object, handler: ValidatorFunctionWrapHandler) -> Secret[T]:
        if not isinstance(value, dict):
            return self._bare(value)
        config: SecretConfig = handler(value)
        found = config.file or config.env
        assert found is not None  # see SecretConfig
        return Secret(
            self._read(found), {"file" if config.file else "env": found.named}, found.file
        )

    def _bare(self, value: object) -> Secret[T]:
        if self.shown is None:
            raise ValueError(_BARE)
        made = self.read(value)
        return Secret(made, self.shown(made))

    def _read(self, found: Found) -> T:
        try:
            return self.read(found.text)
        except ValueError as error:
            sentence = without(str(error), found.text)
            raise ValueError(f"what stands in `{found.named}`: {sentence}") from None

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tell editors what may stand there."""
        where = handler(schema)
        return where if self.schema is None else {"anyOf": [dict(self.schema), where]}


def _shown(secret: Secret[T]) -> str | dict[str, str]:
    return secret.shown


def without(sentence: str, text: str) -> str:
    """Return a sentence that quotes nothing of a text."""
    if "`" in text:
        return "it is not what belongs here"
    return _QUOTED.sub(lambda match: "`…`" if match[1] in text else match[0], sentence)


def secrets_of(config: Config) -> Iterator[tuple[complaint.Path, Secret[object]]]:
    """Yield every secret of the settings with its path."""
    return _below(config, ())


def _below(value: object, path: complaint.Path) -> Iterator[tuple[complaint.Path, Secret[object]]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, Config):
        for name, one in value:
            yield from _below(one, (*path, name))
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _below(one, (*path, name))
    elif isinstance(value, tuple):
        for index, one in enumerate(value):
            yield from _below(one, (*path, index))
