"""Which paths lie under that of a route: what the route's people meet when they miss it.  Pure."""

from tta_gateway.routing.template import parse


class _Node:
    """One place in the tree of templates: what follows by name, by anything, and who ends here."""

    __slots__ = ("any", "literal", "region")

    def __init__(self) -> None:
        self.literal: dict[bytes, _Node] = {}
        self.any: _Node | None = None
        self.region: str | None = None


class Paths:
    """Templates of paths, each with a region (which may be unknown: the empty text)."""

    def __init__(self) -> None:
        """Begin with none."""
        self._root = _Node()
        self._regions: set[str] = set()

    def add(self, template: str, region: str) -> None:
        """Take one more; all that is below it lies under it."""
        self._regions.add(region)
        node = self._root
        for segment in parse(template):
            if segment.tail:
                break
            if segment.name:
                node.any = node.any or _Node()
                node = node.any
            elif segment.literal:
                node = node.literal.setdefault(segment.literal, _Node())
        node.region = region if node.region is None else node.region or region

    @property
    def any_region(self) -> str | None:
        """Return the region that all templates share, empty where they differ; None: of none."""
        if not self._regions:
            return None
        return next(iter(self._regions)) if len(self._regions) == 1 else ""

    def region_over(self, path: bytes) -> str | None:
        """Return the region of the longest template that a path lies under; None: of none.

        Of as many nodes as segments at most are looked at, times two: what strangers ask for must
        not cost more the longer it is.
        """
        found = self._root.region
        level = [self._root]
        for part in path.split(b"/")[1:]:
            if not part:
                continue
            level = [below for node in level for below in _below(node, part)][:_WIDEST]
            for node in level:
                if node.region is not None:
                    found = node.region
                    break
            if not level:
                break
        return found


_WIDEST = 64
"""Branches of templates that are followed at once, the most literal first."""


def _below(node: _Node, part: bytes) -> list[_Node]:
    literal = node.literal.get(part)
    found = [] if literal is None else [literal]
    return found if node.any is None else [*found, node.any]
