"""How registries that speak HTTP are reached, and what their failures are called."""

import ssl
from typing import TypeVar

import msgspec

from tta_gateway.features.discovery.bound import RegistryOrigin
from tta_gateway.features.discovery.provider import Unreachable
from tta_gateway.support.http_client import Answer, Origin

T = TypeVar("T")


def origin_of(settings: RegistryOrigin) -> Origin:
    """Return whom to ask; Unreachable if its authorities cannot be read."""
    tls = None
    if settings.tls:
        try:
            tls = ssl.create_default_context(cafile=settings.ca or None)
        except OSError as error:  # ssl.SSLError is one
            raise Unreachable(f"`{settings.ca}` cannot be read: {error.strerror}") from error
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return Origin(settings.host, settings.port, tls=tls, unix=settings.unix)


def checked(answer: Answer, asked: str) -> bytes:
    """Return the body of a good answer; Unreachable says what is wrong with another."""
    if answer.status == 200:
        return answer.body
    raise Unreachable(refused(answer.status, asked))


def refused(status: int, asked: str) -> str:
    """Return what a status means for who asked."""
    if status in (401, 403):
        return f"it answers {status} to {asked}: look at the token, and what that may read"
    if status == 404:
        return f"it answers 404 to {asked}: look at its address, and at what answers there"
    return f"it answers {status} to {asked}"


def decoded(decoder: "msgspec.json.Decoder[T]", data: bytes | memoryview, asked: str) -> T:
    """Return what an answer holds; Unreachable if that is something else."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreachable(f"its answer to {asked} is not what it should be: {error}") from error
