"""`GET /admin/v1/issuers`: how the keys are that issuers of tokens publish."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

from fastapi import APIRouter

from tta_gateway.features.identity.answering import time_of
from tta_gateway.features.identity.issuer_keys import Watched
from tta_gateway.features.identity.jws import Malformed, objects
from tta_gateway.features.identity.key import UnusableKey, key_of

States = Callable[[], Iterable[Watched]]


def router(states: States, seconds_until: Callable[[Watched], float]) -> APIRouter:
    """Return the endpoint; who may ask is its assembly's to say."""
    made = APIRouter(prefix="/admin/v1")

    @made.get("/issuers")
    async def issuers() -> dict[str, list[dict[str, object]]]:
        """Return every issuer whose keys are fetched: which there are, since when, and why not."""
        return {"issuers": [told(one, seconds_until(one)) for one in states()]}

    return made


def told(one: Watched, seconds: float) -> dict[str, object]:
    """Return an issuer's state as it is told."""
    return {
        "name": one.name,
        "source": one.source.url,
        "discovers": one.source.discovers,
        "reachable": one.failures == 0 and one.fetched is not None,
        "fetched": None if one.fetched is None else time_of(one.fetched),
        "next_in": round(seconds, 1),
        "failures": one.failures,
        "last_error": one.error,
        "keys": list(_keys(one.keys)),
    }


def _keys(jwks: Iterable[bytes]) -> Iterator[dict[str, object]]:
    """Yield those that are used; another version of the gateway may have kept others."""
    for jwk in jwks:
        with contextlib.suppress(UnusableKey, Malformed):
            key = key_of(objects(jwk))
            yield {"id": key.id, "algorithms": sorted(key.algorithms)}
