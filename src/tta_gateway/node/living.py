"""Living: the workers that there are, by the parts of memory in which they count.

A worker shows four or five times a second that it lives, and nobody else does (support/segment.py);
when it has gone the supervisor says so in its part.  Who has been told to leave lives until then.
"""

from collections.abc import Iterable

from tta_gateway.support.segment import Segment


def workers(segments: Iterable[Segment]) -> frozenset[str]:
    """Return how each calls itself in what it tells control."""
    return frozenset(f"worker {one.owner}" for one in segments if one.owner and one.beats)
