"""Services that show certificates: foreign callers and services, reloads, ends of belief."""

import asyncio
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.helpers.gateway import free_port
from tests.helpers.http_service import Service
from tests.helpers.programs import curl, daemon, run, s_client
from tests.helpers.services_by_certificate import (
    PLAYERS,
    STORIES,
    CallerLoad,
    House,
    authority_for,
    lasting,
    nginx_around,
    pki,
    token,
)
from tests.helpers.slow import wait_until
from tests.helpers.svids import SERVER, Authority
from tta_gateway.client import Credentials, Refused, register

pytestmark = pytest.mark.e2e

ECHO = """
import http.server, json, sys
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        fields = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps(fields).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


def echo_routes(port: int) -> dict[str, Any]:
    """A service that says what it was sent, and routes to it for services."""
    inside = {"service": "stories", "internal": True}
    return {
        "services": {"stories": {"endpoints": [f"http://127.0.0.1:{port}"]}},
        "routes": [
            {"path": "/public", "service": "stories", "auth": "none"},
            {"path": "/mine", **inside, "auth": "none", "callers": [PLAYERS]},
            {"path": "/both", **inside, "callers": [PLAYERS, STORIES]},
            {"path": "/either", **inside, "auth": "optional", "callers": [PLAYERS, STORIES]},
            {"path": "/served", **inside, "auth": "none", "callers": [PLAYERS, STORIES]}
            | {"roles": ["service"]},
            {"path": "/token", **inside},
            {"path": "/open", **inside, "auth": "none"},
        ],
    }


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A service that says what it was sent."""
    port, path = free_port(), tmp_path_factory.mktemp("echo")
    (path / "echo.py").write_text(ECHO)
    command = ["python3", str(path / "echo.py"), str(port)]
    with daemon(command, port=port, log=path / "log"):
        yield port


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, echo: int) -> Iterator[House]:
    """One gateway for all that changes nothing."""
    with House(tmp_path_factory.mktemp("house")).open(**echo_routes(echo)) as house:
        yield house


def asked(house: House, name: str, path: str, **fields: str) -> tuple[int, Any]:
    """Ask as a service."""
    with closing(house.caller(house.context(name))) as caller:
        return caller.get(path, **fields)


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["code"]


# Who gets through


def test_a_service_of_the_list_is_who_asks_and_the_one_behind_is_told(shared: House) -> None:
    forged = {"x_forwarded_client_cert": f"URI={STORIES}"}
    status, seen = asked(shared, "players", "/mine", **forged)
    assert (status, seen["x-forwarded-client-cert"]) == (200, f"URI={PLAYERS}")


def test_any_other_is_refused_by_name(shared: House) -> None:
    assert code(asked(shared, "stories", "/mine")) == (403, "caller_forbidden")
    assert code(asked(shared, "strangers", "/mine")) == (403, "caller_unknown")
    assert code(asked(shared, "strangers", "/nothing")) == (404, "routing_not_found")


def test_certificate_and_token_are_each_asked_for_by_their_own_word(shared: House) -> None:
    bearer = {"authorization": f"Bearer {token()}"}
    assert code(asked(shared, "players", "/both")) == (401, "identity_token_missing")
    assert code(asked(shared, "strangers", "/both", **bearer)) == (403, "caller_unknown")
    status, seen = asked(shared, "players", "/both", **bearer)
    assert (status, seen["x-forwarded-client-cert"]) == (200, f"URI={PLAYERS}")
    assert seen["authorization"] == bearer["authorization"]
    for fields in ({}, bearer):
        assert asked(shared, "stories", "/either", **fields)[0] == 200
    wrong = {"authorization": "Bearer nonsense"}
    assert asked(shared, "stories", "/either", **wrong)[0] == 401


def test_without_callers_a_certificate_is_no_token(shared: House) -> None:
    bearer = {"authorization": f"Bearer {token()}"}
    assert code(asked(shared, "players", "/token")) == (401, "identity_token_missing")
    status, seen = asked(shared, "strangers", "/token", **bearer)
    assert (status, "x-forwarded-client-cert" in seen) == (200, False)


def test_a_service_has_the_roles_that_the_operator_says(shared: House) -> None:
    assert asked(shared, "players", "/served")[0] == 200
    assert code(asked(shared, "stories", "/served")) == (403, "access_role_missing")


def test_clients_find_nothing_of_it(shared: House) -> None:
    assert shared.gateway is not None
    for path, status in (("/mine", " 404 "), ("/public", " 200 ")):
        assert status in curl(f"{shared.gateway.url}{path}").stdout
    forged = ("-H", f"x-forwarded-client-cert: URI={PLAYERS}")
    assert PLAYERS not in curl(*forged, f"{shared.gateway.url}/public").stdout


# Foreign callers


def test_curl_calls_with_a_certificate_and_not_without(shared: House) -> None:
    url = f"https://localhost:{shared.inside}/mine"
    certificate, key = shared.pair("players")
    shown = ("--cert", certificate, "--key", key, "--cacert", shared.ca)
    assert " 200 " in curl(*shown, url).stdout
    assert curl("--cacert", shared.ca, url).returncode == 56
    assert curl(*shown, "--tls-max", "1.2", url).returncode != 0


def test_openssl_calls(shared: House) -> None:
    certificate, key = shared.pair("players")
    given = "GET /mine HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    said = s_client(
        shared.inside,
        *("-cert", certificate, "-key", key, "-CAfile", shared.ca, "-quiet", "-ign_eof"),
        *("-servername", "localhost", "-verify_return_error"),
        given=given,
    )
    assert "HTTP/1.1 200 OK" in said
    assert f"URI={PLAYERS}" in said


@pytest.mark.parametrize("what", ["self-signed", "expired", "early", "server"])
def test_a_certificate_that_does_not_count_gets_no_connection(shared: House, what: str) -> None:
    certificate, key = shared.pair("players")
    other, now = authority_for(), time.time()
    if what == "self-signed":
        certificate, key = lasting(other, PLAYERS).write(shared.folder, what)
    else:
        signer = _signer(shared)
        leaf = {
            "expired": signer.issue(PLAYERS, begins=now - 60, ends=now - 30),
            "early": signer.issue(PLAYERS, begins=now + 600, ends=now + 900),
            "server": signer.issue(PLAYERS, begins=now - 60, ends=now + 60, purposes=[SERVER]),
        }[what]
        certificate, key = leaf.write(shared.folder, what)
    shown = ("--cert", certificate, "--key", key, "--cacert", shared.ca)
    assert curl(*shown, f"https://localhost:{shared.inside}/mine").returncode == 56


def _signer(house: House) -> Authority:
    """The authority of the shipped command, in hostile hands."""
    made = authority_for()
    key: Any = load_pem_private_key((house.pki / "ca.key").read_bytes(), None)
    made.key = key
    made.name = x509.load_pem_x509_certificate((house.pki / "ca.pem").read_bytes()).subject
    return made


@pytest.mark.parametrize(
    "uris", [(PLAYERS, STORIES), ("spiffe://tta/play%65rs",), ("spiffe://tta//players",)]
)
def test_a_good_chain_of_a_bad_name_is_of_nobody(shared: House, uris: tuple[str, ...]) -> None:
    now = time.time()
    leaf = _signer(shared).issue(*uris, begins=now - 60, ends=now + 60)
    with closing(shared.caller(shared.context_of(leaf))) as caller:
        assert code(caller.get("/mine")) == (403, "caller_certificate_unfit")
        assert caller.closed


@pytest.mark.parametrize("program", ["haproxy", "nginx"])
def test_proxies_call_for_a_service(shared: House, tmp_path: Path, program: str) -> None:
    port, (certificate, key) = free_port(), shared.pair("players")
    if program == "haproxy":
        both = tmp_path / "both.pem"
        both.touch(0o600)
        both.write_text(Path(certificate).read_text() + Path(key).read_text())
        config = (
            "defaults\n mode http\n timeout connect 5s\n timeout client 9s\n timeout server 9s\n"
            f"listen a\n bind 127.0.0.1:{port}\n server gw 127.0.0.1:{shared.inside} ssl "
            f"crt {both} ca-file {shared.ca} verify required sni str(localhost)\n"
        )
        command = ["haproxy", "-db", "-f", str(tmp_path / "config")]
    else:
        config = nginx_around(
            tmp_path,
            f"server {{ listen 127.0.0.1:{port}; location / {{\n"
            f"proxy_pass https://127.0.0.1:{shared.inside}; proxy_ssl_verify on;\n"
            f"proxy_ssl_trusted_certificate {shared.ca}; proxy_ssl_name localhost;\n"
            f"proxy_ssl_certificate {certificate}; proxy_ssl_certificate_key {key};\n"
            "proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_http_version 1.1;\n"
            'proxy_set_header Connection ""; } }',
        )
        command = ["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "config")]
    (tmp_path / "config").write_text(config)
    with daemon(command, port=port, log=tmp_path / "log"):
        told = [curl(f"http://127.0.0.1:{port}/mine").stdout for _ in range(3)]
    assert [" 200 " in one and f"URI={PLAYERS}" in one for one in told] == [True] * 3, told


# Belief that ends


def test_a_certificate_that_expires_while_the_connection_stands_counts_no_more(
    shared: House,
) -> None:
    now = time.time()
    ends = int(now) + 4
    leaf = _signer(shared).issue(PLAYERS, begins=now - 60, ends=ends)
    with closing(shared.caller(shared.context_of(leaf))) as caller:
        assert caller.get("/open")[0] == 200
        time.sleep(max(0.0, ends + 0.2 - time.time()))
        assert code(caller.get("/mine")) == (403, "caller_certificate_expired")
        assert (caller.connected, caller.closed) == (1, True)


def test_before_that_it_ends_behind_an_answer_so_that_a_newer_one_is_shown(shared: House) -> None:
    now = time.time()
    leaf = _signer(shared).issue(PLAYERS, begins=now - 60, ends=now + 20)
    with closing(shared.caller(shared.context_of(leaf))) as caller:
        told = [(caller.get("/mine")[0], caller.closed) for _ in range(3)]
        assert (told, caller.connected) == ([(200, True)] * 3, 3)


def test_authorities_are_changed_without_a_lost_call_and_the_old_one_ends_at_once(
    tmp_path: Path, echo: int
) -> None:
    """Old, both, new: nobody is lost who follows; who does not is refused on an open connection."""
    with ExitStack() as stack:
        house = stack.enter_context(House(tmp_path).open(**echo_routes(echo)))
        old, new = Path(house.ca).read_bytes(), authority_for()
        follower = house.caller(house.context_of(lasting(new, PLAYERS)))
        standing, late = (house.caller(house.context("players")) for _ in range(2))
        for one in (follower, standing, late):
            stack.enter_context(closing(one))
        with CallerLoad(house, "/mine", "players", "players") as load:
            house.trust(old, new.pem)
            house.issue("gateway", "--dns", "localhost", "--renew")
            house.reload()
            load.grow()
            assert follower.get("/mine")[0] == 200
        assert (set(load.statuses), load.lost, load.connected) == ({200}, [], 2)
        assert standing.get("/mine")[0] == 200
        house.trust(new.pem)
        house.reload()
        assert code(standing.get("/mine")) == (403, "caller_certificate_withdrawn")
        assert (standing.connected, standing.closed) == (1, True)
        assert (follower.get("/mine")[0], follower.connected) == (200, 1)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            late.get("/mine")


def test_a_service_that_is_taken_off_the_list_is_refused_on_an_open_connection(
    tmp_path: Path, echo: int
) -> None:
    with (
        House(tmp_path).open(**echo_routes(echo)) as house,
        closing(house.caller(house.context("players"))) as standing,
    ):
        assert standing.get("/mine")[0] == 200
        house.config["routes"][1]["callers"] = [STORIES]
        house.rewrite()
        assert code(standing.get("/mine")) == (403, "caller_forbidden")
        assert standing.connected == 1


def test_a_certificate_that_is_withdrawn_counts_no_more_and_nobody_else_is_lost(
    tmp_path: Path, echo: int
) -> None:
    """On the connection that it has opened, and while others call on; the next one counts."""
    with House(tmp_path).open(**echo_routes(echo)) as house:
        old = house.context("players")
        shown = pki("show", house.pair("players")[0])
        serial = next(one.split()[1] for one in shown.splitlines() if "serial" in one)
        house.issue("players", "--dns", "localhost", "--ip", "127.0.0.1", "--renew")
        with closing(house.caller(old)) as standing, CallerLoad(house, "/mine", "players") as load:
            assert standing.get("/mine")[0] == 200
            house.config["identity"]["withdrawn"] = [serial]
            house.rewrite()
            load.grow()
            assert code(standing.get("/mine")) == (403, "caller_certificate_revoked")
            assert standing.closed
            assert code(standing.get("/mine")) == (403, "caller_certificate_revoked")  # connected
        assert (set(load.statuses), load.lost) == ({200}, [])


# The gateway's own certificate, towards services


@contextmanager
def demanding(house: House) -> Iterator[str]:
    """nginx as a service that demands certificates, and a gateway before it; yield its URL."""
    port, (certificate, key), (mine, its) = (
        free_port(),
        house.pair("players"),
        house.pair("gateway"),
    )
    config = nginx_around(
        house.folder,
        f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; "
        f"ssl_certificate_key {key};\nssl_client_certificate {house.ca}; "
        "ssl_verify_client on; keepalive_requests 100000;\n"
        "location / { add_header X-Serial $ssl_client_serial; return 200 $ssl_client_s_dn; } }",
    )
    (house.folder / "config").write_text(config)
    bare = {"endpoints": [f"https://127.0.0.1:{port}"], "ca": house.ca, "spiffe_id": PLAYERS}
    at = {**bare, "client_certificate": mine, "client_key": its}
    services = {
        "players": {**at, "health": {"path": "/", "interval": "1s"}},
        "other": {**at, "spiffe_id": STORIES},
        "bare": bare,
    }
    routes: list[dict[str, object]] = [
        {"path": f"/{name}", "service": name, "auth": "none"} for name in services
    ]
    inside = {"path": "/in", "service": "players", "internal": True, "auth": "none"}
    nginx = ["nginx", "-p", str(house.folder), "-c", str(house.folder / "config")]
    with daemon(nginx, port=port, log=house.folder / "log"):
        routes.append({**inside, "callers": [PLAYERS]})
        with house.open(services=services, routes=routes):
            assert house.gateway is not None
            yield house.gateway.url


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    """nginx that demands certificates, behind a gateway."""
    house = House(tmp_path_factory.mktemp("nginx"))
    with demanding(house) as url:
        yield house, url


def test_a_service_that_demands_a_certificate_is_shown_one(nginx: tuple[House, str]) -> None:
    _, url = nginx
    answer = curl(f"{url}/players").stdout
    assert " 200 " in answer
    assert "OU=service gateway" in answer
    assert " 400 " in curl(f"{url}/bare").stdout  # of nginx: no certificate was sent


def test_a_service_that_proves_another_id_is_not_asked(nginx: tuple[House, str]) -> None:
    house, url = nginx
    assert '"code":"upstream_certificate_refused"' in curl(f"{url}/other").stdout
    assert house.gateway is not None
    why = f"it is of {PLAYERS}, not of {STORIES}"
    assert wait_until(lambda: house.gateway is not None and why in house.gateway.tail())


def test_the_gateways_certificate_is_renewed_under_load_and_nothing_is_lost(
    nginx: tuple[House, str],
) -> None:
    house, url = nginx
    first = _serial(curl(f"{url}/players").stdout)
    with CallerLoad(house, "/in", "players", "stories", "players") as load:
        for _ in range(2):
            house.issue("gateway", "--dns", "localhost", "--renew")
            house.reload()
            load.grow()
    assert (set(load.statuses), load.lost) == ({200, 403}, [])
    assert _serial(curl(f"{url}/players").stdout) != first


def test_a_service_whose_certificate_is_withdrawn_is_not_asked_until_it_has_another(
    nginx: tuple[House, str],
) -> None:
    house, url = nginx
    shown = pki("show", house.pair("players")[0])
    printed = next(one.split()[1] for one in shown.splitlines() if "sha256" in one)
    assert " 200 " in curl(f"{url}/players").stdout
    house.config["identity"]["withdrawn"] = [printed]
    house.rewrite()
    try:
        assert '"code":"upstream_certificate_refused"' in curl(f"{url}/players").stdout
    finally:
        house.config["identity"]["withdrawn"] = []
        house.rewrite()
    assert wait_until(lambda: " 200 " in curl(f"{url}/players").stdout, 20.0)


def test_it_is_shown_of_each_service_who_it_must_be(nginx: tuple[House, str]) -> None:
    house, _ = nginx
    mine = house.pair("gateway")[0]
    told = _services(house)
    assert f"  tls: must be {PLAYERS}, is shown {mine} until 20" in told
    assert "players: 1 of 1 good" in told  # by checks, which demand it too


def _services(house: House) -> str:
    """What `tta-gateway services` prints."""
    file = str(house.folder / "gateway.yaml")
    command = [sys.executable, "-m", "tta_gateway", "services", "-c", file]
    return run(*command).stdout


def _serial(answer: str) -> str:
    return next(line for line in answer.splitlines() if line.lower().startswith("x-serial"))


# Registration


def test_a_service_registers_with_its_certificate(tmp_path: Path) -> None:
    claim = {"id": PLAYERS, "services": ["players"], "routes": ["/live/"], "auth_none": True}
    routes = [{"path": "/players", "service": "players", "auth": "none"}]
    more = {"services": {"players": {}, "worlds": {}}, "routes": routes}
    with ExitStack() as stack:
        service = Service()
        stack.callback(service.kill)
        house = stack.enter_context(
            House(tmp_path).open(registration={"callers": [claim]}, **_with_worlds(more))
        )
        asyncio.run(_registered(house, service))


def _with_worlds(more: dict[str, Any]) -> dict[str, Any]:
    worlds = {"endpoints": ["http://127.0.0.1:1"]}
    return {**more, "services": {**more["services"], "worlds": worlds}}


async def _registered(house: House, service: Service) -> None:
    assert house.gateway is not None
    gateway = f"https://localhost:{house.inside}"
    url = f"{house.gateway.url}/players"

    def shows(name: str) -> Credentials:
        return Credentials(*house.pair(name), ca=house.ca)

    def answers() -> bool:
        return " 200 " in curl(url).stdout

    async with register("players", url=service.url, gateway=gateway, tls=shows("players")) as one:
        async with asyncio.timeout(20):
            await one.registered()
        assert await asyncio.to_thread(wait_until, answers, 10.0)
        for name, what, why in (
            ("players", "worlds", "registration_service_forbidden"),
            ("stories", "players", "registration_caller_unknown"),
            ("strangers", "players", "registration_token_missing"),
        ):
            other = register(what, url=service.url, gateway=gateway, tls=shows(name), grace=1)
            async with other:
                with pytest.raises(Refused) as raised:
                    await other.registered()
                assert raised.value.code == why
    assert not await asyncio.to_thread(answers)
