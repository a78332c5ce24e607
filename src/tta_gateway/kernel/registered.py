"""Registered routes: those that services declare themselves, as control tells every worker."""

from typing import Final

import msgspec

from tta_gateway.kernel.route import Route

SECTION: Final = "routes/registered"
"""The name of the live section that holds them."""


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, in order; none takes what a route of the operator takes."""

    routes: tuple[Route, ...]
