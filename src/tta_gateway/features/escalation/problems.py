"""What is no drill, and why."""

from typing import Final

from tta_gateway.kernel.problem import Problem

UNKNOWN_DRILL: Final = Problem(
    "escalation_drill_unknown",
    403,
    "This is no drill that anybody has begun.",
    "Begin one by `tta-gateway safety drill` or `POST /admin/v1/incidents/drills`; its token is "
    "good for one request, and for half a minute.",
)
