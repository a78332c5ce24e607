"""`/oauth2/token`, `revoke`, `introspect`, and how the server describes itself (RFC 6749, 8414)."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from tta_gateway.features.identity import oauth_public as public
from tta_gateway.features.identity.answering import NO_STORE
from tta_gateway.features.identity.asking import Asking
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.oauth_client import GRANTS, OPENID, OAuthClient
from tta_gateway.features.identity.oauth_problems import (
    OAUTH_AWAY,
    OAUTH_REQUEST,
    WORDS,
)
from tta_gateway.features.identity.oauth_proof import ALGORITHMS, METHODS
from tta_gateway.features.identity.oauth_request import NotARequest, form
from tta_gateway.features.identity.oauth_server import OAuthServer
from tta_gateway.features.identity.public import KEY_SET
from tta_gateway.features.identity.second_factor import SecondFactors
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.problem import NOT_FOUND
from tta_gateway.support.sql.away import Unavailable

_FORM: Final = "application/x-www-form-urlencoded"
_DESCRIBED: Final = {"cache-control": "public, max-age=300"}
_UNAUTHORIZED: Final = 401
Answered = Callable[[OAuthServer, OAuthClient, dict[str, str]], Awaitable[Response]]


class House(Protocol):
    """Whose endpoints they are."""

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued; None where none are."""

    @property
    def oauth(self) -> OAuthServer | None:
        """Return who serves clients of OAuth; None where no tokens are issued, or not yet."""

    @property
    def second_factors(self) -> SecondFactors | None:
        """Return who asks for second factors; None likewise."""


def router(house: House) -> APIRouter:
    """Return the endpoints."""
    desk, made = Desk(house), APIRouter()
    made.add_api_route(public.TOKEN, desk.token, methods=["POST"])
    made.add_api_route(public.REVOKE, desk.revoke, methods=["POST"])
    made.add_api_route(public.INTROSPECT, desk.introspect, methods=["POST"])
    made.add_api_route(public.METADATA, desk.metadata, methods=["GET"])
    made.add_api_route(public.CONFIGURATION, desk.configuration, methods=["GET"])
    return made


class Desk:
    """Answers clients."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    async def token(self, request: Request) -> Response:
        """Return tokens for a code, a refresh token, or a client's own credentials (RFC 6749)."""

        async def answer(
            server: OAuthServer, client: OAuthClient, said: dict[str, str]
        ) -> Response:
            return JSONResponse(await server.token(client, said), headers=NO_STORE)

        return await self._answered(request, answer)

    async def revoke(self, request: Request) -> Response:
        """End the session of a token of the client's (RFC 7009); of one that is none, nothing."""

        async def answer(
            server: OAuthServer, client: OAuthClient, said: dict[str, str]
        ) -> Response:
            await server.revoke(client, _shown(said))
            return Response(headers=NO_STORE)

        return await self._answered(request, answer)

    async def introspect(self, request: Request) -> Response:
        """Say whether an access token counts now, to a confidential client (RFC 7662)."""

        async def answer(
            server: OAuthServer, client: OAuthClient, said: dict[str, str]
        ) -> Response:
            return JSONResponse(server.introspect(client, _shown(said)), headers=NO_STORE)

        return await self._answered(request, answer)

    async def metadata(self) -> Response:
        """Describe the authorization server (RFC 8414)."""
        return JSONResponse(described(self._issuing()), headers=_DESCRIBED)

    async def configuration(self) -> Response:
        """Describe the provider (OpenID Connect Discovery 1.0)."""
        return JSONResponse(described(self._issuing()), headers=_DESCRIBED)

    def _issuing(self) -> Issuing:
        issuing = self._house.issuing
        if issuing is None:  # until the routes that lead here are gone
            raise GatewayError(NOT_FOUND)
        return issuing

    async def _answered(self, request: Request, answer: Answered) -> Response:
        """Answer a client that has shown who it is, or say in the words of OAuth why not."""
        self._issuing()
        server = self._house.oauth
        if server is None:
            return refusal(GatewayError(OAUTH_AWAY), request)
        shown = request.headers.get("authorization", "")
        try:
            said = await _form_of(request)
            client = await server.proof.client(shown, said, address=Asking.of(request).address)
            return await answer(server, client, said)
        except Unavailable:
            return refusal(GatewayError(OAUTH_AWAY), request)
        except GatewayError as error:
            return refusal(error, request)


async def _form_of(request: Request) -> dict[str, str]:
    """Return what a body says; ClientFault if it is no form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise ClientFault(OAUTH_REQUEST, f"The body must be `{_FORM}`.")
    if request.url.query:
        raise ClientFault(OAUTH_REQUEST, "Parameters belong into the body: queries are logged.")
    try:
        return form((await request.body()).decode())
    except UnicodeDecodeError:
        raise ClientFault(OAUTH_REQUEST, "The body is not UTF-8.") from None
    except NotARequest as error:
        raise ClientFault(OAUTH_REQUEST, str(error)) from None


def _shown(said: dict[str, str]) -> str:
    if "token" not in said:
        raise ClientFault(OAUTH_REQUEST, "Send `token`.")
    return said["token"]


def refusal(error: GatewayError, request: Request) -> Response:
    """Return an error as RFC 6749 5.2 has it, with what all errors here say (RFC 9457)."""
    kind = error.problem
    detail = error.detail or kind.detail
    told: dict[str, object] = {
        "error": WORDS.get(kind.code, "server_error"),
        "error_description": error.detail or kind.title,
        "type": "about:blank",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": kind.code,
        "correlation_id": request.headers.get("x-request-id", ""),
    }
    headers = {**NO_STORE, "pragma": "no-cache"}
    if kind.status == _UNAUTHORIZED:
        headers["www-authenticate"] = kind.challenge
    if kind.retry_after is not None:
        headers["retry-after"] = str(kind.retry_after)
    return JSONResponse(told, kind.status, headers)


def described(issuing: Issuing) -> dict[str, object]:
    """Return what the server says of itself."""
    url = issuing.url
    methods = list(METHODS)
    confidential = methods[1:]
    return {
        "issuer": url,
        "authorization_endpoint": url + public.AUTHORIZE,
        "token_endpoint": url + public.TOKEN,
        "revocation_endpoint": url + public.REVOKE,
        "introspection_endpoint": url + public.INTROSPECT,
        "jwks_uri": url + KEY_SET,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": confidential,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": [OPENID],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [issuing.algorithm],
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "sid")
        ],
        "prompt_values_supported": ["none", "login"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
    }
