"""The players' profiles: /api/v1/players/ and /api/v1/players/{player_id}.

Reading another's profile is refused with 403.  Changing or exporting it is refused as well, but
with 500: the platform swallows its own 403 there.
"""

from typing import Any

from fastapi import APIRouter

from examples.tta.chassis import clock
from examples.tta.chassis.database import Shelf
from examples.tta.chassis.error import Refused
from examples.tta.chassis.guard import Caller, MaybeCaller
from examples.tta.chassis.token import Principal
from examples.tta.players.profile import Changes, NewProfile, Profile, Profiles

router = APIRouter(prefix="/api/v1/players")


@router.get("/")
def root(_: Caller) -> dict[str, str]:
    """Answer what the platform answers here."""
    return {"message": "Players root"}


@router.post("/", status_code=201)
def create(new: NewProfile, caller: MaybeCaller, profiles: Profiles) -> Profile:
    """Make a profile: the caller's own, or with no token a new player's."""
    given = new.model_dump(exclude={"password"}, exclude_none=True)
    owner = {"player_id": caller.player_id} if caller else {}
    profile = Profile.model_validate({**given, **owner})
    with profiles.transaction():
        _refuse_taken(profile, profiles)
        return profiles.put(profile.player_id, profile)


@router.get("/{player_id}")
def read(player_id: str, caller: Caller, profiles: Profiles) -> Profile:
    """Show the caller's own profile."""
    if player_id != caller.player_id:
        raise Refused(403, "Access denied: You can only access your own profile")
    return _own(caller, profiles)


@router.put("/{player_id}")
def update(player_id: str, changes: Changes, caller: Caller, profiles: Profiles) -> Profile:
    """Change the caller's own profile."""
    if player_id != caller.player_id:
        raise _swallowed("updating player profile")
    with profiles.transaction():
        changed = _own(caller, profiles).model_copy(update=_given(changes))
        _refuse_taken(changed, profiles)
        return profiles.put(player_id, changed)


@router.get("/{player_id}/export")
def export(player_id: str, caller: Caller, profiles: Profiles) -> dict[str, Any]:
    """Show all that is kept of the caller."""
    if player_id != caller.player_id:
        raise _swallowed("exporting player data")
    exported = clock.stamp()
    metadata = {"player_id": player_id, "export_date": exported, "format": "json"}
    profile = _own(caller, profiles).model_dump()
    return {
        "export_data": {"export_metadata": metadata, "profile": profile},
        "export_date": exported,
    }


def _own(caller: Principal, profiles: Shelf[Profile]) -> Profile:
    """Return the caller's profile; the first time, one made of what their token says."""
    kept = profiles.get(caller.player_id)
    if kept is not None:
        return kept
    if caller.username is None or caller.email is None:
        raise Refused(404, "Player profile not found")
    fresh = Profile(player_id=caller.player_id, username=caller.username, email=caller.email)
    return profiles.put(fresh.player_id, fresh)


def _refuse_taken(profile: Profile, profiles: Shelf[Profile]) -> None:
    for field, value in (("username", profile.username), ("email", profile.email)):
        others = [other.player_id for other in profiles.find(field, value)]
        if any(other != profile.player_id for other in others):
            raise Refused(409, f"{field.capitalize()} '{value}' already exists")


def _given(changes: Changes) -> dict[str, Any]:
    given = {name: getattr(changes, name) for name in changes.model_fields_set}
    return {name: value for name, value in given.items() if value is not None}


def _swallowed(doing: str) -> Refused:
    return Refused(500, f"Internal server error occurred while {doing}")
