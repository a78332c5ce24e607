"""TLS at a listener, and the files that it reads, as operators write them."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from tta_gateway.settings import certificate
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config, Items, Line

FILE: Final = {"title": "file", "type": "string"}


def _certificate(path: str) -> str:
    certificate.facts(path)
    return path


def _chain(path: str) -> str:
    certificate.chain(path)
    return path


def _authorities(path: str) -> str:
    certificate.trusted(path)
    return path


File: TypeAlias = Annotated[Line, WithJsonSchema(FILE)]
CertificateFile: TypeAlias = Annotated[File, AfterValidator(_certificate)]
ChainFile: TypeAlias = Annotated[File, AfterValidator(_chain)]
AuthoritiesFile: TypeAlias = Annotated[File, AfterValidator(_authorities)]


class CertificateConfig(Config):
    """A certificate and its key."""

    certificate: CertificateFile
    """A file in PEM: the certificate, then those that lead to an authority, each by the next."""

    key: Annotated[File | None, Field(validate_default=True)] = None
    """A file in PEM with its private key, unencrypted, which not everybody may read; left out, the
    certificate's file holds it too."""

    @field_validator("key")
    @classmethod
    def _fits(cls, key: str | None, info: ValidationInfo) -> str | None:
        path = info.data.get("certificate")
        if path is not None:
            certificate.check_key(key or path, path)
        return key


_Entry: TypeAlias = Annotated[
    CertificateConfig, Shorthand(lambda value: {"certificate": value}, FILE)
]


class TlsConfig(Config):
    """How a listener speaks TLS."""

    certificates: Annotated[
        Items[_Entry], Field(min_length=1), Shorthand(lambda value: [value], FILE)
    ]
    """Certificates, each a file or a file and its key.  Clients get the one that is made out to the
    name they ask for, of the kind of key that they know; if there is none, the first."""

    min_version: Literal["1.2", "1.3"] = "1.2"
    """The oldest version of TLS that is spoken."""

    client_ca: AuthoritiesFile | None = None
    """A file in PEM with authorities: clients need a certificate of one of them to connect.  At a
    listener that is `internal`, it proves which service they are; TLS 1.3 alone is spoken there."""


Tls: TypeAlias = Annotated[TlsConfig, Shorthand(lambda value: {"certificates": [value]}, FILE)]
