"""The parts of OAuth, put together over a database."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tta_gateway.features.identity.bearer import Bearers
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.oauth_clients import Registrar
from tta_gateway.features.identity.oauth_proof import Proof
from tta_gateway.features.identity.oauth_server import Kept, OAuthServer
from tta_gateway.features.identity.sign_in import Events, SignIn, Signing
from tta_gateway.features.identity.store import Failures

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database


class Outside(NamedTuple):
    """What all of them need: `lasting` is how long an access token may be left."""

    database: "Callable[[], Database]"
    issuing: Callable[[], Issuing]
    lasting: Callable[[], float]
    wall: Callable[[], float]
    new_id: Callable[[], str]


class OAuth:
    """All of them."""

    def __init__(
        self,
        outside: Outside,
        sign_in: SignIn,
        failures: Failures,
        signing: Signing,
        *,
        bearers: Bearers,
        log: Events,
    ) -> None:
        """Build them; SQLAlchemy has been imported by now (node/sqlalchemy_aside.py)."""
        from tta_gateway.features.identity.sql_oauth_clients import SqlOAuthClients
        from tta_gateway.features.identity.sql_oauth_codes import SqlCodes

        database, issuing, lasting, wall, new_id = outside
        clients = SqlOAuthClients(database, lasting=lasting)
        self.codes = SqlCodes(database, issuing=issuing, lasting=lasting)
        proof = Proof(clients, failures, issuing=issuing, key=lambda: sign_in.secret, wall=wall)
        self.server = OAuthServer(
            sign_in, Kept(clients, self.codes), proof, signing, bearers=bearers, issuing=issuing
        )
        self.server.wall, self.server.new_id = wall, new_id
        self.server.log, self.server.counts = log, sign_in.counts
        self.registrar = Registrar(clients, roles=lambda: issuing().roles, wall=wall, new_id=new_id)
        self.registrar.changed = sign_in.ended
