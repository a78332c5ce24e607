"""How well a world suits a character: arithmetic on the world alone, as on the platform."""

from typing import Any, Final

from pydantic import BaseModel

from examples.tta.worlds.world import World

COMPATIBLE: Final = 0.5
COMFORTABLE: Final = 0.6


class Factor(BaseModel):
    """One reason why a world suits or does not."""

    factor_name: str
    score: float
    explanation: str
    weight: float


def score(world: World) -> float:
    """Return how well the world suits anyone: its factors' weighted mean, 0 to 1."""
    return round(sum(factor.score * factor.weight for factor in _factors(world)), 3)


def report(world: World, character_id: str) -> dict[str, Any]:
    """Return all that can be said of the world and this character."""
    overall = score(world)
    easier = ["Consider a beginner-level world first"] if overall < COMFORTABLE else []
    warned = ", ".join(world.content_warnings)
    return {
        "character_id": character_id,
        "world_id": world.world_id,
        "overall_score": overall,
        "is_compatible": overall >= COMPATIBLE,
        "compatibility_factors": [factor.model_dump() for factor in _factors(world)],
        "recommendations": easier,
        "warnings": [f"This world contains: {warned}"] if warned else [],
        "prerequisites_met": not world.prerequisites,
        "unmet_prerequisites": world.prerequisites,
    }


def _factors(world: World) -> list[Factor]:
    gentle = world.difficulty_level == "BEGINNER"
    return [
        Factor(
            factor_name="Difficulty Level",
            score=0.8 if gentle else 0.6,
            explanation=f"World difficulty is {world.difficulty_level.lower()}",
            weight=0.3,
        ),
        Factor(
            factor_name="Therapeutic Approaches",
            score=world.therapeutic_effectiveness_score,
            explanation="How much the world's approaches have helped others",
            weight=0.4,
        ),
        Factor(
            factor_name="Content Safety",
            score=max(0.0, 1 - len(world.content_warnings) / 10),
            explanation="A tenth less for each content warning",
            weight=0.3,
        ),
    ]
