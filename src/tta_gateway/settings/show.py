"""The settings as YAML: everything that is in force, defaults filled in.

What comes from the environment or a profile has a comment that says so.  What has no effect is left
out, so that the text can be loaded again and means the same; only passwords are hidden, and must be
written in again.
"""

from tta_gateway.settings.complaint import Path, Source
from tta_gateway.settings.document import Document, Value
from tta_gateway.settings.not_yet import NOT_YET
from tta_gateway.settings.rules import effective, effective_stores
from tta_gateway.settings.tree import Settings
from tta_gateway.settings.writing import block


def show(settings: Settings, document: Document) -> str:
    """Return the settings as YAML."""
    tree: dict[str, Value] = settings.model_dump(
        mode="json", exclude=set(NOT_YET), exclude_none=True, by_alias=True
    )
    routes = tree["routes"]
    assert isinstance(routes, list)  # as Settings has it
    tree["routes"] = [effective(route) for route in routes if isinstance(route, dict)]

    tree["valkey"] = effective_stores(tree)

    def comment(path: Path) -> str:
        source = document.places.get(path)
        return f"from {source.name}" if isinstance(source, Source) else ""

    return "".join(f"{line}\n" for line in block(tree, comment))
