"""Who shows a token to control: looked at here as the worker has done before.

What is told of somebody, and what is ended for them, rests on nothing that anybody could have put
between.
"""

from collections.abc import Callable

from tta_gateway.features.identity import problems
from tta_gateway.features.identity.api_key import PREFIX
from tta_gateway.features.identity.bound import OWN_ISSUER
from tta_gateway.features.identity.revoked import Revoked
from tta_gateway.features.identity.tokens import CLIENT
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.principal import Principal

_MARK = "bearer "


class Bearers:
    """Proves what they show."""

    def __init__(self, *, wall: Callable[[], float]) -> None:
        """Believe nobody yet."""
        self.verifier = Verifier([])
        self.revoked = Revoked()
        self._wall = wall

    def shown(self, authorization: str | None) -> Principal | None:
        """Return whose token it is; None if none is shown.  ClientFault says what is wrong."""
        said = authorization or ""
        if not said.lower().startswith(_MARK):
            return None
        now = self._wall()
        told = self.verifier.prove(said[len(_MARK) :].encode("latin-1", "replace"), now)
        if not isinstance(told, Principal):
            raise ClientFault(told)
        if self.revoked.has(told):
            raise ClientFault(problems.REVOKED)
        return told

    def needed(self, authorization: str | None) -> Principal:
        """Return whose token it is; ClientFault if there is none, or it is no good."""
        found = self.shown(authorization)
        if found is None:
            raise ClientFault(problems.MISSING)
        return found

    def ours(self, authorization: str | None) -> Principal:
        """Return whose token it is, if the gateway itself has issued it; ClientFault if not."""
        found = self.needed(authorization)
        if found.issuer != OWN_ISSUER:
            raise ClientFault(problems.NOT_OURS)
        return found

    def person(self, authorization: str | None) -> Principal:
        """Return whose token it is, if somebody has logged in for it here; ClientFault if not.

        What a client of OAuth gets for itself and an API key are of the gateway, too, but whoever
        looks after them may have as many as they like: they are nobody's own.
        """
        if (authorization or "").lower().startswith(f"{_MARK}{PREFIX.decode()}"):
            raise ClientFault(problems.NO_PERSON)
        found = self.ours(authorization)
        client = found.claims.get("client_id")  # RFC 9068 2.2
        has_logged_in = bool(found.session) and found.authenticated > 0
        if not has_logged_in or not client or client == found.subject:
            raise ClientFault(problems.NO_PERSON)
        return found

    def themselves(self, authorization: str | None) -> Principal:
        """Return who has logged in at the gateway itself; ClientFault if a program asks for them.

        What changes an account is nobody's but its owner's, whatever clients they have let in.
        """
        found = self.person(authorization)
        if found.claims.get("client_id") != CLIENT:
            raise ClientFault(problems.OF_A_CLIENT)
        return found
