"""Called: who hears of people in need, how soon, and a warning where that is nobody, or late."""

from collections.abc import Iterator
from typing import Final

from tta_gateway.features.escalation.bound import LADDERS, Ladder
from tta_gateway.settings.complaint import Complaint, Path, lines
from tta_gateway.settings.declaring import declarers
from tta_gateway.settings.escalation import LEVELS, laddered
from tta_gateway.settings.load import Loaded
from tta_gateway.settings.safety import UNHEARD, compiled_route
from tta_gateway.settings.tree import Settings
from tta_gateway.support.config import duration_text

_NOBODY: Final = (
    "people in need are looked for, and nobody would be called about them: write `contacts: "
    "{team: {webhook: …}}` (or `mail`, `realtime`, `service`; docs/safety/escalation.md), then try "
    "it by `tta-gateway safety drill`"
)


def warnings(loaded: Loaded, file: str) -> list[str]:
    """Return a line where nobody would be called, and for each level whose first call has long."""
    found = [
        Complaint(loaded.document.place(path), path, f"warning: {word}")
        for path, word in _late(loaded.settings)
    ]
    return lines(found, file)


def told(settings: Settings) -> Iterator[str]:
    """Yield who is called first at each level, the gravest first; nothing if nobody is heard."""
    if not _is_heard(settings):
        return
    if not settings.escalation.contacts:
        yield "safety: nobody is called: there are no `escalation.contacts`"
        return
    for level, ladder in reversed(_ladders(settings)):
        first = ladder.rungs[0]
        names = ", ".join(first.contacts)
        yield f"safety: at level {level} {names}: called first, with {_text(first.within)}"


def _late(settings: Settings) -> Iterator[tuple[Path, str]]:
    if not settings.escalation.contacts:
        if _is_heard(settings):
            yield ("escalation",), _NOBODY
        return
    for (level, ladder), usual in zip(_ladders(settings), LADDERS, strict=True):
        within, least = ladder.rungs[0].within, usual.rungs[0].within
        if within > least:
            yield (
                ("escalation", "levels", level, "rungs", 0, "within"),
                f"{_text(within)} is long for somebody at level {level} to wait until others are "
                f"called: {_text(least)} is usual",
            )


def _ladders(settings: Settings) -> list[tuple[str, Ladder]]:
    return list(zip(LEVELS, laddered(settings.escalation), strict=True))


def _is_heard(settings: Settings) -> bool:
    """Tell whether anything is scanned that somebody should hear of.

    So is all that services declare, and what clients say to the hub in no channel.
    """
    if settings.realtime is not None or declarers(settings):
        return True
    modes = (compiled_route(one.safety, one.traffic_class).mode for one in settings.routes)
    return any(mode not in UNHEARD for mode in modes)


def _text(seconds: float) -> str:
    written = duration_text(seconds)
    return written if isinstance(written, str) else f"{written}s"
