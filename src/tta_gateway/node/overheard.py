"""Overheard: an instance that would be spoken to in the clear, where others may listen.

What the configuration names is judged when it is read (settings/overheard.py).  What registries and
registrations say is judged here, by the reason that the operator has given for the service.
"""

from typing import Final

from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.settings.address import is_here

REASON: Final = (
    "it would be spoken to unencrypted beyond this machine, for which its service has no "
    "`plaintext: …` in the configuration"
)


def is_overheard(one: Endpoint, service: Service) -> bool:
    """Tell whether an endpoint of a service is not to be asked, as others may listen."""
    return not (service.plaintext or one.tls or one.unix or is_here(one.host))
