"""Plaintext: why something may cross the network unencrypted, as operators write it."""

from tta_gateway.settings.reason import Reason
from tta_gateway.support.config import Config


class PlaintextConfig(Config):
    """Why something may go beyond this machine unencrypted: who else could listen, and why not."""

    valkey_url: Reason | None = None
    """The way to `valkey_url`, which is refused without a reason."""

    cache_url: Reason | None = None
    """The way to `cache_url`, which is refused without a reason."""

    contacts: Reason | None = None
    """The way to `escalation.contacts`, which is refused without a reason."""

    listen: Reason | None = None
    """The way to `listen` and `admin`; without a reason the gateway warns at `check` and at the
    start."""

    services: Reason | None = None
    """The way to services; without a reason it warns."""

    alerts: Reason | None = None
    """The way to those who take alerts; without a reason it warns."""
