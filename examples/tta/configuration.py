"""The gateway's configuration for this demonstration: gateway.yaml with its blanks filled in."""

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

TEMPLATE: Final = Path(__file__).with_name("gateway.yaml")


def write(target: Path, blanks: Mapping[str, str | int]) -> Path:
    """Write the configuration and return where it is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(Template(TEMPLATE.read_text()).substitute(blanks))
    return target
