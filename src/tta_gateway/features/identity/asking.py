"""What a request says of who asks, and how; a worker has written what is not theirs to say."""

from starlette.datastructures import Headers
from starlette.requests import Request

from tta_gateway.features.identity import cookie, problems
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.kernel.errors import ClientFault


class Asking:
    """Who asks."""

    def __init__(self, fields: Headers) -> None:
        """Read its fields."""
        self.origin = fields.get("origin", "")
        self.site = fields.get("sec-fetch-site", "")
        self.scheme = fields.get("x-forwarded-proto", "http").partition(",")[0].strip()
        host = fields.get("x-forwarded-host", fields.get("host", ""))
        self.host = host.partition(",")[0].strip()
        self.address = fields.get("x-real-ip", "")

    @staticmethod
    def of(request: Request) -> "Asking":
        """Read a request's."""
        return Asking(request.headers)

    @property
    def is_of_a_page(self) -> bool:
        """Tell whether a browser's page asks."""
        return cookie.is_of_a_page(self.origin, self.site)

    def check(self, issuing: Issuing) -> None:
        """Refuse pages that may not have the cookie used."""
        if not cookie.may_use(
            self.origin,
            self.site,
            scheme=self.scheme,
            host=self.host,
            allowed=issuing.origins,
        ):
            raise ClientFault(problems.ORIGIN_REFUSED)
