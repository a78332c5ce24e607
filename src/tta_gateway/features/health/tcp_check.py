"""A check that an endpoint accepts connections, and speaks TLS where it should."""

from tta_gateway.features.health.target import Target, connection


async def look(target: Target) -> None:
    """Connect; Failed if that does not come about."""
    async with connection(target):
        return
