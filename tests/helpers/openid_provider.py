"""An OpenID provider on Authlib, in threads: whoever comes is logged in, as a test says.

It holds to the standards, PKCE among them, until a test has it do otherwise: `spoil` changes what
its ID tokens say, `answer` what its redirects do.
"""

# ruff: noqa: ARG002 - Authlib says which arguments there are
import base64
import contextlib
import hmac
import http.server
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

SECRET: Final = "a-secret-of-the-client-with-more-than-32-bytes"
CLIENT: Final = "gateway"
LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"
Key = OKPKey | ECKey | RSAKey | bytes
Spoil = Callable[[dict[str, Any], dict[str, Any]], Key | None]
"""Changes header and claims of an ID token; returns a key to sign with, if another one."""


def _digits(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """A code, and what it was given for."""

    code: str
    client_id: str
    redirect_uri: str
    scope: str
    nonce: str
    challenge: str
    code_challenge_method: str = "S256"

    @property
    def code_challenge(self) -> str:
        return self.challenge

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """The gateway, as the provider knows it."""

    client_id: str
    redirect_uris: tuple[str, ...]
    grants: tuple[str, ...] = ("authorization_code",)

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uris[0]

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method, endpoint) == ("client_secret_basic", "token")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grants


@dataclass(frozen=True, slots=True)
class Refresh(TokenMixin):
    """A refresh token: whose it is, and for what."""

    client_id: str
    subject: str
    scope: str

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return 3600

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False


@dataclass(slots=True)
class OpenidProvider:
    """The provider; `url` is its issuer."""

    subject: str = "ada@clinic.example"
    session: str = "there-1"
    claims: dict[str, Any] = field(default_factory=dict)
    """What it says of whoever logs in, where `profile` is asked for: at userinfo, too."""
    spoil: Spoil = field(default=lambda _, __: None)
    answer: Callable[[dict[str, str]], dict[str, str]] = field(default=lambda told: told)
    described: dict[str, Any] = field(default_factory=dict)
    """What its description says beside."""
    keys: list[RSAKey] = field(default_factory=list)
    is_away: bool = False
    asked: list[str] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    refreshes: dict[str, Refresh] = field(default_factory=dict)
    """The refresh tokens that are good, each once; without `offline` it gives none."""
    offline: bool = False
    renewed: dict[str, Any] | None = None
    """What an ID token says that comes for a refresh token; None: none comes."""
    clients: dict[str, Client] = field(default_factory=dict)
    url: str = ""

    def register(self, home: str, name: str, client_id: str = CLIENT) -> None:
        """Know a gateway, by where it is reached and by what it calls this provider."""
        uri = f"{home}/api/v1/auth/external/{name}/callback"
        more = ("refresh_token",) if self.offline else ()
        self.clients[client_id] = Client(client_id, (uri,), ("authorization_code", *more))

    def rotate(self) -> None:
        """Sign with another key, and publish it alone."""
        self.keys[:] = [RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})]

    def signed(self, header: dict[str, Any], claims: Mapping[str, Any], key: Key) -> str:
        """Return a token."""
        made = {name: said for name, said in claims.items() if said is not None}
        if isinstance(key, bytes):  # what no library signs with: another's secret, or nothing
            told = b".".join(_digits(json.dumps(one).encode()) for one in (header, made))
            signature = hmac.new(key, told, "sha256").digest() if key else b""
            return b".".join((told, _digits(signature))).decode()
        registry = JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
        return jwt.encode(header, made, key, registry=registry)

    def logout_token(
        self, header: Mapping[str, Any] | None = None, key: Key | None = None, **changed: object
    ) -> str:
        """Return a good logout token, with what is changed; None leaves a claim out."""
        own = self.keys[0]
        said = {"alg": "RS256", "typ": "logout+jwt", "kid": own.kid, **(header or {})}
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_hex(8),
            "events": {LOGOUT: {}},
            "sub": self.subject,
            "sid": self.session,
            **changed,
        }
        return self.signed(dict(said), claims, own if key is None else key)

    # --- what it answers ---------------------------------------------------------------------

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?tenant=a",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end",
            "jwks_uri": f"{self.url}/keys",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            **self.described,
        }

    def identify(self, token: dict[str, Any], client: str, subject: str) -> None:
        """Put an ID token beside what comes for a refresh token (OpenID Connect Core 1.0, 12.2)."""
        if self.renewed is None:
            return
        now = int(time.time())
        told = {"iss": self.url, "aud": client, "sub": subject, "iat": now, "exp": now + 300}
        key = self.keys[0]
        header = {"alg": "RS256", "kid": str(key.kid)}
        token["id_token"] = self.signed(header, {**told, **self.renewed}, key)

    def key_set(self) -> dict[str, Any]:
        return {"keys": [one.as_dict(private=False) for one in self.keys]}

    def userinfo(self, bearer: str) -> dict[str, Any] | None:
        subject = self.tokens.get(bearer.removeprefix("Bearer "))
        return None if subject is None else {"sub": subject, **self.claims}


class _Request(OAuth2Request):
    def __init__(self, method: str, url: str, headers: Message, form: dict[str, str]) -> None:
        super().__init__(method, url.replace("http://", "https://", 1), headers=headers)
        self._query = dict(parse_qsl(urlsplit(url).query))
        self._form = form
        self.payload = BasicOAuth2Payload({**self._query, **form})

    @property
    def args(self) -> dict[str, str]:
        return self._query

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Server(AuthorizationServer):
    def __init__(self, home: OpenidProvider) -> None:
        super().__init__()
        self._home = home
        made = [lambda **_: secrets.token_urlsafe(24)] * 2
        self.register_token_generator("default", BearerTokenGenerator(*made))
        self.register_grant(_refreshing(home))
        extensions = [CodeChallenge(required=True), _IdTokens(home)]
        self.register_grant(_granting(home), extensions)

    def query_client(self, client_id: str) -> Client | None:
        return self._home.clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        self._home.tokens[token["access_token"]] = request.user
        if "refresh_token" in token:
            kept = Refresh(request.client.client_id, request.user, token["scope"])
            self._home.refreshes[token["refresh_token"]] = kept
        if request.payload.data["grant_type"] == "refresh_token":
            self._home.identify(token, request.client.client_id, request.user)

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(
        self, status: int, body: object, headers: object
    ) -> tuple[int, object, object]:
        return status, body, headers

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Tell nobody."""


def _granting(home: OpenidProvider) -> type[grants.AuthorizationCodeGrant]:
    class Granting(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]  # noqa: RUF012 - Authlib's way

        def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
            asked = request.payload.data
            home.codes[code] = Code(
                code,
                asked["client_id"],
                asked["redirect_uri"],
                asked["scope"],
                asked["nonce"],
                asked["code_challenge"],
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            found = home.codes.get(code)
            return found if found is not None and found.client_id == client.client_id else None

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del home.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> str:
            return home.subject

    return Granting


def _refreshing(home: OpenidProvider) -> type[grants.RefreshTokenGrant]:
    class Refreshing(grants.RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]  # noqa: RUF012 - Authlib's way
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
            return home.refreshes.pop(refresh_token, None)

        def authenticate_user(self, refresh_token: Refresh) -> str:
            return refresh_token.subject

        def revoke_old_credential(self, refresh_token: Refresh) -> None:
            """It has been taken out when it was shown."""

    return Refreshing


class _IdTokens(OpenIDCode):
    def __init__(self, home: OpenidProvider) -> None:
        super().__init__(require_nonce=True)
        self._home = home

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return any(one.nonce == nonce for one in self._home.codes.values())

    def get_client_algorithm(self, client: Client) -> str:
        return "RS256"

    def resolve_client_private_key(self, client: Client) -> RSAKey:
        return self._home.keys[0]

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": "RS256", "kid": str(self._home.keys[0].kid)}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": self._home.url, "aud": [client.client_id], "exp": int(time.time()) + 300}

    def generate_user_info(self, user: str, scope: str) -> dict[str, Any]:
        return {"sub": user, "sid": self._home.session}

    def encode_id_token(self, token: dict[str, Any], request: OAuth2Request) -> str:
        made: str = super().encode_id_token(token, request)
        key = self._home.keys[0]
        read = jwt.decode(made, key, algorithms=["RS256"])
        header, claims = dict(read.header), dict(read.claims)
        other = self._home.spoil(header, claims)
        return self._home.signed(header, claims, key if other is None else other)


class _Handler(http.server.BaseHTTPRequestHandler):
    home: OpenidProvider
    endpoints: _Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.home.asked.append(path)
        if path == "/authorize":
            self._authorize()
            return
        told = self._asked(path)
        self._told(404 if told is None else 200, told)

    def _asked(self, path: str) -> object:
        if path == "/.well-known/openid-configuration":
            return self.home.description()
        if path == "/userinfo":
            return self.home.userinfo(self.headers["authorization"])
        return self.home.key_set() if path == "/keys" else None

    def do_POST(self) -> None:
        self.home.asked.append(self.path)
        length = int(self.headers["content-length"])
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        if self.home.is_away:
            self._told(503, {})
            return
        url = f"{self.home.url}{self.path}"
        asked = _Request("POST", url, self.headers, form)
        status, body, _ = self.endpoints.create_token_response(asked)
        self._told(status, body)

    def _authorize(self) -> None:
        subject = self.home.subject
        asked = _Request("GET", f"{self.home.url}{self.path}", self.headers, {})
        grant = self.endpoints.get_consent_grant(asked, end_user=subject)
        status, body, fields = self.endpoints.create_authorization_response(
            asked, grant_user=subject, grant=grant
        )
        location = dict(fields).get("Location", "")
        if not location:
            self._told(status, body)
            return
        page, _, query = location.partition("?")
        told = self.home.answer({**dict(parse_qsl(query)), "iss": self.home.url})
        self.send_response(302)
        self.send_header("location", f"{page}?{urlencode(told)}")
        self.send_header("content-length", "0")
        self.end_headers()

    def _told(self, status: int, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(503 if self.home.is_away else status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def openid_provider(port: int = 0) -> Iterator[OpenidProvider]:
    """A provider, as long as this lasts."""
    home = OpenidProvider()
    home.rotate()
    handler = type("Handler", (_Handler,), {"home": home, "endpoints": _Server(home)})
    made = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    made.daemon_threads = True
    home.url = f"http://127.0.0.1:{made.server_address[1]}"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield home
    finally:
        made.shutdown()
        made.server_close()
        thread.join()
