"""OAuth 2 and OpenID Connect as a server: codes and what they are good for, and tokens of clients.

What a code leads to is a session like any other, with the client's name on it: it is seen and ended
like the others, and is over with the client.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NoReturn, TypeAlias

from tta_gateway.features.identity import metrics, refresh_token
from tta_gateway.features.identity.bearer import Bearers
from tta_gateway.features.identity.bound import OWN_ISSUER, Issuing
from tta_gateway.features.identity.jws import encoded
from tta_gateway.features.identity.oauth_client import CODE, CREDENTIALS, OPENID, OAuthClient
from tta_gateway.features.identity.oauth_problems import (
    OAUTH_GRANT,
    OAUTH_REQUEST,
    OAUTH_SCOPE,
    OAUTH_UNAUTHORIZED,
    OAUTH_UNSUPPORTED,
    WORDS,
)
from tta_gateway.features.identity.oauth_proof import Proof, digest
from tta_gateway.features.identity.oauth_request import Wish
from tta_gateway.features.identity.oauth_store import Code, Codes, OAuthClients, Redemption, Shown
from tta_gateway.features.identity.oauth_tokens import ID_TYPE, of_client, of_identity
from tta_gateway.features.identity.sign_in import Events, Grant, SignIn, Signing
from tta_gateway.features.identity.store import ACTIVE, Session, User
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.support.metrics import Registry

CODE_LASTS: Final = 60.0  # seconds
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 4.1
_NO_CODE: Final[Mapping[Redemption, str]] = {
    Redemption.UNKNOWN: "The code is not known, or another client's.",
    Redemption.REPLAYED: "The code has been used before: its session has been ended.",
    Redemption.EXPIRED: "The code has expired.",
    Redemption.WRONG: "redirect_uri or code_verifier do not belong to the code: it is used up.",
    Redemption.OVER: "Whoever has logged in may not any more.",
}
_SHOWN: Final = frozenset(
    (
        *("scope", "client_id", "sub", "aud", "iss", "exp", "iat", "nbf", "jti", "sid"),
        *("roles", "acr", "amr", "auth_time"),
    )
)
"""The claims that whoever asks about a token is told."""
Told: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Kept:
    """What lasts."""

    clients: OAuthClients
    codes: Codes


class OAuthServer:
    """Serves clients."""

    def __init__(
        self,
        sign_in: SignIn,
        kept: Kept,
        proof: Proof,
        signing: Signing,
        *,
        bearers: Bearers,
        issuing: Callable[[], Issuing],
    ) -> None:
        """Have people logged in by `sign_in`, and clients proved by `proof`."""
        self.sign_in = sign_in
        self.proof = proof
        self._kept = kept
        self._signing = signing
        self._bearers = bearers
        self._issuing = issuing
        self.wall: Callable[[], float] = lambda: 0.0
        self.new_id: Callable[[], str] = lambda: ""
        self.log: Events | None = None
        self.counts = Registry()

    # --- codes -------------------------------------------------------------------------------

    async def client(self, client_id: str) -> OAuthClient | None:
        """Return a client that may ask; nothing of it is proved."""
        found = await self._kept.clients.of(client_id) if client_id else None
        return found if found is not None and found.state == ACTIVE else None

    async def code(self, wish: Wish, user: User, session: Session) -> str:
        """Return a code for who is logged in with this session."""
        code = encoded(secrets.token_bytes(32)).decode()
        stands_for = Code(
            client_id=wish.client.id,
            user_id=user.id,
            redirect_uri=wish.redirect_uri,
            challenge=wish.challenge,
            scope=wish.scope,
            nonce=wish.nonce,
            begun=session.begun,
            methods=session.methods,
            proved=session.proved,
            parent=session.id,
            until=session.used + CODE_LASTS,
        )
        await self._kept.codes.add(digest(code), stands_for)
        return code

    # --- tokens ------------------------------------------------------------------------------

    async def token(self, client: OAuthClient, form: Mapping[str, str]) -> Told:
        """Return what a client gets for what it shows (RFC 6749 5.1); ClientFault."""
        grants = {CODE: self._of_code, "refresh_token": self._of_refresh, CREDENTIALS: self._own}
        name = form.get("grant_type", "")
        try:
            if not name:
                raise ClientFault(OAUTH_REQUEST, "grant_type is missing.")
            if name not in grants:
                raise ClientFault(OAUTH_UNSUPPORTED)
            if not client.may(name):
                raise ClientFault(OAUTH_UNAUTHORIZED)
            told = await grants[name](client, form)
        except GatewayError as error:
            known = name if name in grants else "other"
            self._count(known, WORDS.get(error.problem.code, "away"))
            raise
        self._count(name, "good")
        return told

    def _count(self, grant: str, result: str) -> None:
        self.counts.child(metrics.OAUTH, grant, result).add()

    async def _of_code(self, client: OAuthClient, form: Mapping[str, str]) -> Told:
        verifier = form.get("code_verifier", "")
        if not form.get("code") or not _VERIFIER.fullmatch(verifier):
            raise ClientFault(OAUTH_REQUEST, "Send `code`, and its `code_verifier` (RFC 7636 4.1).")
        self._signing.signer()  # a code is not used up for nothing
        token = refresh_token.first()
        found = await self._kept.codes.redeem(
            Shown(
                code=digest(form["code"]),
                client_id=client.id,
                redirect_uri=form.get("redirect_uri", ""),
                challenge=_challenge(verifier),
            ),
            session_id=self.new_id(),
            token=token,
            now=self.wall(),
        )
        if isinstance(found, Redemption):
            await self._refuse(client, found)
        user, session, code = found
        grant = self.sign_in.granted(user, session, token)
        told = _told(grant, client)
        if OPENID in session.scope.split():
            claims = of_identity(
                self._issuing(), user, session, nonce=code.nonce, seconds=grant.expires_in
            )
            told["id_token"] = self._signing.signer().sign(claims, kind=ID_TYPE)
        return told

    async def _refuse(self, client: OAuthClient, why: Redemption) -> NoReturn:
        if why is Redemption.REPLAYED:
            if self.log is not None:
                self.log.event("oauth_code_replayed", client=client.id)
            await self.sign_in.ended()
        raise ClientFault(OAUTH_GRANT, _NO_CODE[why])

    async def _of_refresh(self, client: OAuthClient, form: Mapping[str, str]) -> Told:
        if not form.get("refresh_token"):
            raise ClientFault(OAUTH_REQUEST, "Send `refresh_token`.")
        try:
            grant = await self.sign_in.refresh(form["refresh_token"], client=client.id)
        except ClientFault as error:
            raise ClientFault(OAUTH_GRANT, error.problem.title) from None
        asked, had = form.get("scope", "").split(), grant.session.scope.split()
        if not {*asked} <= {*had}:
            raise ClientFault(OAUTH_SCOPE, "A session keeps the scope that it has begun with.")
        if asked and {*asked} != {*had}:  # for this access token alone (RFC 6749 6)
            less = replace(grant.session, scope=" ".join(one for one in had if one in asked))
            grant = self.sign_in.granted(grant.user, less, grant.refresh_token)
        return _told(grant, client)

    async def _own(self, client: OAuthClient, form: Mapping[str, str]) -> Told:
        scope = client.scope_of(form.get("scope", ""))
        if scope is None or OPENID in scope.split():
            raise ClientFault(OAUTH_SCOPE)
        issuing = self._issuing()
        claims = of_client(issuing, client, scope, token_id=self.new_id(), now=self.wall())
        signed = self._signing.signer().sign(claims)
        self.counts.child(metrics.ISSUED, "success").add()
        told: Told = {
            "access_token": signed,
            "token_type": "Bearer",
            "expires_in": int(issuing.access),
        }
        return {**told, "scope": scope} if scope else told

    # --- afterwards --------------------------------------------------------------------------

    async def revoke(self, client: OAuthClient, token: str) -> None:
        """End what a token of this client's is of (RFC 7009); others' are none of its business."""
        user, session = await self._of_token(client, token)
        if session == client.epoch:
            await self._kept.clients.renew(client.id, epoch=self.new_id(), now=self.wall())
            await self.sign_in.ended()
        elif session:
            await self.sign_in.logout(user, session, why="revoked")

    async def _of_token(self, client: OAuthClient, token: str) -> tuple[str, str]:
        """Return user and session of a token of this client's; nothing if it is none."""
        session, user, whose = await self.sign_in.client_of(token)
        if session:
            return (user, session) if whose == client.id else ("", "")
        try:
            found = self._bearers.ours(f"Bearer {token}")
        except ClientFault:
            return "", ""
        is_theirs = found.claims.get("client_id") == client.id
        return (found.subject, found.session) if is_theirs else ("", "")

    def introspect(self, client: OAuthClient, token: str) -> Told:
        """Return what an access token says that counts now (RFC 7662); ClientFault."""
        if client.is_public:
            raise ClientFault(
                OAUTH_UNAUTHORIZED, "Confidential clients alone may ask about tokens."
            )
        try:
            found = self._bearers.ours(f"Bearer {token}")
        except ClientFault:
            return {"active": False}  # and not a word more (RFC 7662 2.2)
        assert found.issuer == OWN_ISSUER  # it is ours
        told = {name: value for name, value in found.claims.items() if name in _SHOWN}
        return {"active": True, "token_type": "Bearer", **told}


def _told(grant: Grant, client: OAuthClient) -> Told:
    told: Told = {
        "access_token": grant.access_token,
        "token_type": "Bearer",
        "expires_in": grant.expires_in,
    }
    if client.may("refresh_token"):
        told["refresh_token"] = grant.refresh_token
    if grant.session.scope:
        told["scope"] = grant.session.scope
    return told


def _challenge(verifier: str) -> str:
    """Return what S256 makes of a verifier (RFC 7636 4.6)."""
    return encoded(hashlib.sha256(verifier.encode()).digest()).decode()
