"""Login providers: OpenID providers by way of which people may log in, as operators write them."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from tta_gateway.features.identity.bound import OWN_ISSUER, External
from tta_gateway.features.identity.jws import Malformed, objects
from tta_gateway.features.identity.key_source import metadata_url
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings import access, certificate, delegated
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.settings.shorthand import URL
from tta_gateway.settings.tls import AuthoritiesFile
from tta_gateway.support.config import Config, Duration, DurationOrZero, Items, Line

_USUAL: Final = External(name="", issuer="", client_id="")
_LONGEST: Final = 10.0  # seconds: a browser waits for several answers
_NAME: Final = r"^[a-z][a-z0-9_-]{0,31}$"
_ROLE: Final = r"^[a-z][a-z0-9_-]{0,63}$"
_SCOPE: Final = r"^[\x21\x23-\x5b\x5d-\x7e]{1,64}$"  # RFC 6749 3.3
_Mapping: TypeAlias = dict[str, Value]
Complaints: TypeAlias = Iterator[tuple[Path, str]]


def _issuer(text: str) -> str:
    metadata_url(text)
    return text


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _private(value: object) -> bytes:
    """Return a private JWK that signs."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    from tta_gateway.features.identity.key import UnusableKey, key_of

    text = _text(value)
    try:
        jwk = objects(text.encode())
        key_of(jwk)
        if jwk.get("kty") == "oct" or not import_key(json.loads(text)).is_private:
            raise ValueError("must be a private JWK (with `d`) of Ed25519, P-256 or RSA")
    except Malformed:
        raise ValueError("must be a JWK in JSON (RFC 7517)") from None
    except UnusableKey as error:
        raise ValueError(f"the key {error}") from None
    except JoseError:
        raise ValueError("must be a private JWK (with `d`) of Ed25519, P-256 or RSA") from None
    return text.encode()


Issuer: TypeAlias = Annotated[Line, AfterValidator(_issuer), WithJsonSchema(URL)]


class ProviderConfig(Config):
    """An OpenID provider by way of which people may log in."""

    name: Annotated[str, Field(pattern=_NAME)]
    """What it is called here; its subjects are, too: `name:subject`."""

    title: Line = _USUAL.title
    """What login pages call it; left out, its name."""

    issuer: Issuer
    """Its URL, to the letter as it writes it itself: below it, it says where it is asked for
    what (OpenID Connect Discovery)."""

    client_id: Annotated[Line, Field(min_length=1, max_length=255)]
    """What the gateway is called there."""

    client_secret: Annotated[Secret[str], Holds(_text)] | None = None
    """Where the secret stands that the gateway is known there by."""

    key: Annotated[Secret[bytes], Holds(_private)] | None = None
    """Where the private JWK stands that the gateway is known there by (`private_key_jwt`); without
    both it is a public client."""

    scopes: Items[Annotated[str, Field(pattern=_SCOPE)]] = _USUAL.scopes
    """What is asked for beside `openid`."""

    roles: Items[Annotated[str, Field(pattern=_ROLE)]] = _USUAL.roles
    """The roles of whoever logs in by way of it; clinical and administrative ones are granted here
    alone."""

    role_claim: Annotated[str, Field(max_length=64)] = _USUAL.role_claim
    """The claim that says which of the `roles` somebody has; left out, everybody has them all."""

    claims: Items[Literal["preferred_username", "nickname", "name", "given_name", "email"]] = ()
    """What else may come in: the first of these that it says is what somebody is called here. Left
    out, nothing."""

    subject: Literal["pairwise", "provider"] = _USUAL.subject
    """Whether somebody's subject here is a pseudonym that says nothing of the one there
    (`pairwise`), or that one."""

    max_age: DurationOrZero = _USUAL.max_age
    """How long ago somebody may have logged in there; 0: it does not matter."""

    ca: AuthoritiesFile | None = None
    """A file in PEM with the authorities of its certificate; left out, those of this machine."""

    timeout: Annotated[Duration, Field(le=_LONGEST)] = _USUAL.timeout
    """How long it may take to answer."""

    recheck: Annotated[Duration, Field(ge=1.0)] | None = None
    """How often it is asked, when a session is renewed, whether the account is still good there: by
    the refresh token that it gives with a login (`scopes: [offline_access]`, where it wants
    that).  Left out, never."""

    @model_validator(mode="after")
    def _is_known_by_one(self) -> "ProviderConfig":
        if self.client_secret is not None and self.key is not None:
            raise ValueError("has `client_secret` and `key`: take one of the two out")
        return self


def known_apart(told: tuple[ProviderConfig, ...]) -> tuple[ProviderConfig, ...]:
    """Return them; ValueError where two speak of the same people."""
    if len({one.name for one in told}) != len(told):
        raise ValueError("two of them have one name: subjects are told apart by it")
    if any(one.name == OWN_ISSUER for one in told):
        raise ValueError(f"`{OWN_ISSUER}` is the gateway itself: call it something else")
    return told


def compiled(config: ProviderConfig) -> External:
    """Return it as control needs it."""
    try:
        ca = "" if config.ca is None else certificate.trusted(config.ca).decode()
    except ValueError as error:
        words = f"{error}: it has changed since it was checked a moment ago; try again"
        raise ConfigError([words]) from None
    return External(
        name=config.name,
        issuer=config.issuer,
        client_id=config.client_id,
        title=config.title,
        secret="" if config.client_secret is None else config.client_secret.value,
        key=b"" if config.key is None else config.key.value,
        scopes=config.scopes,
        roles=config.roles,
        role_claim=config.role_claim,
        claims=config.claims,
        subject=config.subject,
        max_age=config.max_age,
        ca=ca,
        timeout=config.timeout,
        recheck=config.recheck or 0.0,
    )


def complaints(tree: _Mapping) -> Complaints:
    """Complain about names that are somebody else's, and roles that no provider may give."""
    identity = _mapping(tree.get("identity"))
    issuing = _mapping(identity.get("issuing"))
    others = {
        *_names(identity.get("issuers"), "an issuer"),
        *_names(issuing.get("delegated"), "a service"),
    }
    taken = dict(others)
    known: Mapping[str, tuple[str, ...]] = access.permissions(tree)
    for at, value in enumerate(_list(issuing.get("providers"))):
        one = _mapping(value)
        path: Path = ("identity", "issuing", "providers", at)
        name = one.get("name")
        if isinstance(name, str) and name in taken:
            yield (
                (*path, "name"),
                f"is the name of {taken[name]}, too: subjects are told apart by it; choose another",
            )
        for place, sentence in delegated.roles(one, known):
            yield (*path, *place), sentence


def _names(told: Value, whose: str) -> Iterator[tuple[str, str]]:
    for one in _list(told):
        name = _mapping(one).get("name")
        if isinstance(name, str):
            yield name, whose


def _mapping(value: Value) -> _Mapping:
    return value if isinstance(value, dict) else {}


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []
