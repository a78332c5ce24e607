"""For services: what they need to work behind the gateway; of the standard library alone.

from tta_gateway.client import register

async with register("players", url="http://10.0.0.7:9001", gateway=GATEWAY, token=TOKEN):
    await serve()
"""

from tta_gateway.client.credentials import Credentials
from tta_gateway.client.registration import Refused, Registration, Route, register

__all__ = ["Credentials", "Refused", "Registration", "Route", "register"]
