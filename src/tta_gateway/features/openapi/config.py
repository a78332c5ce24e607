"""What an operator may write about the description of the gateway's own endpoints."""

from tta_gateway.support.config import Config


class OpenapiConfig(Config):
    """Whether the gateway's own endpoints are described."""

    enabled: bool = True
    """Whether `/api/v1/openapi.json` is served."""
