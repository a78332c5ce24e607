"""Traffic classes: who comes first where there is not enough for all; the lower, the sooner."""

from typing import Final, Literal, TypeAlias

TrafficClass: TypeAlias = Literal["crisis", "therapeutic", "standard", "background"]

CRISIS: Final = 0
THERAPEUTIC: Final = 1
STANDARD: Final = 2
BACKGROUND: Final = 3

CLASSES: Final[tuple[TrafficClass, ...]] = ("crisis", "therapeutic", "standard", "background")
"""Their names, each at its place."""
