"""`/admin/v1/apikeys`: keys of programs, which are shown once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.identity.answering import time_of
from tta_gateway.features.identity.api_key_keeper import LONGEST, ApiKeyKeeper, Made
from tta_gateway.features.identity.api_key_store import ApiKey, Refusal
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.support.sql.away import Unavailable

_OFF: Final = "The gateway issues no tokens: write `identity: {issuing: {url: …}}`."
_SOON: Final = "Control has only just begun: try again."
_DAY: Final = 86_400.0  # seconds
_AWAY: Final = "The database cannot be asked at the moment: see `/admin/v1/node`."
Lasts = Annotated[float, Field(ge=1, le=LONGEST)]


class House(Protocol):
    """Whose keys they are."""

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued; None where none are."""

    @property
    def api_keys(self) -> ApiKeyKeeper | None:
        """Return who looks after API keys; None where no tokens are issued, or not yet."""

    def wall(self) -> float:
        """Return the time of the epoch."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class NewKey(_Body):
    """A key for a program; `lasts` is in seconds; without `permissions` all that its roles hold."""

    name: Annotated[str, Field(max_length=64)]
    roles: tuple[str, ...]
    permissions: tuple[str, ...] = ()
    lasts: Lasts = 90 * _DAY


class KeyRotation(_Body):
    """A successor; the key before it counts for `overlap` seconds more."""

    overlap: Annotated[float, Field(ge=0, le=LONGEST)] = _DAY
    lasts: Lasts = 90 * _DAY


class ApiKeyShown(BaseModel):
    """A key without what is secret; `hint` is how it begins."""

    id: str
    name: str
    hint: str
    roles: list[str]
    permissions: list[str]
    created: str
    expires: str
    revoked: str | None
    counts: bool


class KeyMade(ApiKeyShown):
    """A key that has just been made: `key` is shown this once."""

    key: Annotated[str, Field(repr=False)]


class ApiKeysShown(BaseModel):
    """All of them, by name and age."""

    keys: list[ApiKeyShown]


class Revoked(BaseModel):
    """How many keys count no more."""

    revoked: int


def router(house: House) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    desk = Desk(house)
    made = APIRouter(prefix="/admin/v1")
    made.add_api_route("/apikeys", desk.add, methods=["POST"], status_code=201)
    made.add_api_route("/apikeys", desk.keys, methods=["GET"])
    made.add_api_route("/apikeys/{name}/rotate", desk.rotate, methods=["POST"], status_code=201)
    made.add_api_route("/apikeys/{name}", desk.revoke, methods=["DELETE"])
    return made


@contextmanager
def _worded() -> Iterator[None]:
    """Word what keeps something from being done."""
    try:
        yield
    except Refusal as error:
        raise HTTPException(422, str(error)) from None
    except Unavailable:
        raise HTTPException(503, _AWAY, {"retry-after": "2"}) from None


class Desk:
    """Answers operators."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    async def add(self, body: NewKey) -> KeyMade:
        """Make an API key; it is shown this once."""
        keeper = self._keeper()
        with _worded():
            made = await keeper.add(body.name, body.roles, body.permissions, lasts=body.lasts)
        return self._made(made)

    async def keys(self) -> ApiKeysShown:
        """Return the API keys, without what is secret."""
        keeper = self._keeper()
        with _worded():
            found = await keeper.all()
        now = self._house.wall()
        return ApiKeysShown(keys=[shown(one, now) for one in found])

    async def rotate(self, name: str, body: KeyRotation) -> KeyMade:
        """Make the successor of an API key, which counts on for a while."""
        keeper = self._keeper()
        with _worded():
            made = await keeper.rotate(name, overlap=body.overlap, lasts=body.lasts)
        return self._made(made)

    async def revoke(self, name: str, id: str = "") -> Revoked:
        """Have the API keys of a name, or the one with this id, count no more."""
        keeper = self._keeper()
        with _worded():
            count = await keeper.revoke(name, id)
        if not count:
            raise HTTPException(404, f"There is no key `{name}` that counts.")
        return Revoked(revoked=count)

    def _made(self, made: Made) -> KeyMade:
        told = shown(made.kept, self._house.wall())
        return KeyMade(**told.model_dump(), key=made.secret)

    def _keeper(self) -> ApiKeyKeeper:
        keeper = self._house.api_keys
        if keeper is None:
            if self._house.issuing is None:
                raise HTTPException(409, _OFF)
            raise HTTPException(503, _SOON, {"retry-after": "2"})
        return keeper


def shown(key: ApiKey, now: float) -> ApiKeyShown:
    """Return a key as operators see it."""
    return ApiKeyShown(
        id=key.id,
        name=key.name,
        hint=key.hint,
        roles=list(key.roles),
        permissions=list(key.permissions),
        created=time_of(key.created),
        expires=time_of(key.expires),
        revoked=None if key.revoked is None else time_of(key.revoked),
        counts=key.counts(now),
    )
