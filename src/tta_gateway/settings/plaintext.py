"""Plaintext: why something may cross the network unencrypted, as operators write it."""

from tta_gateway.settings.reason import Reason
from tta_gateway.support.config import Config


class PlaintextConfig(Config):
    """Why something may go beyond this machine unencrypted: who else could listen, and why not.

    Without a reason all of it is refused.
    """

    valkey_url: Reason | None = None
    """The way to `valkey_url`."""

    cache_url: Reason | None = None
    """The way to `cache_url`."""

    database_url: Reason | None = None
    """The way to `database_url`, with `sslmode=disable`, or with `sslmode=require`: encrypted, and
    nobody knows to whom."""

    contacts: Reason | None = None
    """The way to all `escalation.contacts`."""

    listen: Reason | None = None
    """The way to all of `listen`, and to `admin` and `probe`."""

    services: Reason | None = None
    """The way to all services, whoever says where they are."""

    registries: Reason | None = None
    """The way to the registries of `discovery`."""

    alerts: Reason | None = None
    """The way to those who take alerts."""
