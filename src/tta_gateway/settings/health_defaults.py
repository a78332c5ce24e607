"""Defaults for the checks of all services: laid under what each service says of its own."""

from typing import Final, TypeAlias

from pydantic import ValidationError

from tta_gateway.features.health.config import HealthDefaultsConfig
from tta_gateway.settings.complaint import Source
from tta_gateway.settings.document import Document, Value

KEY: Final = "health"
_PATHLESS: Final = "tcp"
_Mapping: TypeAlias = dict[str, Value]


def underlay(document: Document) -> None:
    """Set what `health` says, where a service that is looked at says nothing."""
    tree = document.tree if isinstance(document.tree, dict) else {}
    defaults, services = tree.get(KEY), tree.get("services")
    if not isinstance(defaults, dict) or not isinstance(services, dict) or not _is_good(defaults):
        return
    for name, service in services.items():
        own = service.get(KEY) if isinstance(service, dict) else None
        if isinstance(own, dict):
            for key in _missing(own, defaults):
                own[key] = defaults[key]
                document.places["services", name, KEY, key] = Source(KEY)


def _missing(own: _Mapping, defaults: _Mapping) -> list[str]:
    """Return the keys of which a service says nothing, and that do something there."""
    idle = {"path"} if own.get("kind") == _PATHLESS else set()
    return [key for key in defaults if key not in own and key not in idle]


def _is_good(defaults: _Mapping) -> bool:
    """Tell whether they can be laid under anything: what is wrong is complained about once."""
    try:
        HealthDefaultsConfig.model_validate(defaults)
    except ValidationError:
        return False
    return True
