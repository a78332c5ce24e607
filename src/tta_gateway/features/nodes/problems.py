"""Why a worker does not serve what it otherwise would."""

from typing import Final

from tta_gateway.kernel.problem import Problem

UNHEARD: Final = Problem(
    "nodes_unheard",
    503,
    "This cannot be served at the moment.",
    "Try again when Retry-After says. Nothing is wrong with the request.",
    retry_after=1,
)
