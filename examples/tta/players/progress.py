"""Progress and dashboard of a player.

Anyone with a token reads anyone's: the platform checks no owner here, and a gateway has to.
"""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from examples.tta.chassis import clock
from examples.tta.chassis.guard import Caller
from examples.tta.chassis.token import Principal
from examples.tta.players import roster
from examples.tta.players.profile import Profiles, ProgressSummary

RECOMMENDED: Final = [{"world_id": "world_mindfulness_garden"}]

router = APIRouter(prefix="/api/v1/players/{player_id}")


@router.get("/progress")
def progress(player_id: str, _: Caller, profiles: Profiles) -> dict[str, Any]:
    """Sum up a player's progress; someone unknown has made none."""
    profile = profiles.get(player_id)
    summary = profile.progress_summary if profile else ProgressSummary()
    shown = {"total_sessions", "total_time_minutes", "milestones_achieved"}
    return {"player_id": player_id, **summary.model_dump(include=shown)}


@router.get("/dashboard")
def dashboard(player_id: str, caller: Caller, token: roster.Token) -> dict[str, Any]:
    """Show what a player sees first."""
    return {
        "player_id": player_id,
        "active_characters": _characters(player_id, caller, token),
        "recommendations": RECOMMENDED,
    }


@router.get("/progress/viz")
def visualization(_: Caller, days: Annotated[int, Query(ge=1, le=60)] = 14) -> dict[str, Any]:
    """Show a player's last days, one bucket a day.  Nobody tells this service of sessions."""
    today = clock.now().date()
    buckets = [(today - timedelta(days=ago)).isoformat() for ago in reversed(range(days))]
    return {
        "time_buckets": buckets,
        "series": {"sessions": [0] * days, "duration_minutes": [0.0] * days},
        "meta": {"period_days": days, "units": {"duration_minutes": "minutes"}},
    }


def _characters(player_id: str, caller: Principal, token: str) -> list[str]:
    # Asked with the caller's token, so only ever their own; on the platform it is anyone's.
    return roster.characters(token) if player_id == caller.player_id else []
