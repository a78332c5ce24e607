from tta_gateway.kernel.route import (
    Breaker,
    Endpoint,
    Fallback,
    Part,
    Route,
    ServiceTls,
    leading_to,
)


def test_an_endpoint_is_named_by_host_and_port() -> None:
    assert Endpoint(host="players.local", port=9001).name == "players.local:9001"


def test_an_endpoint_at_an_ipv6_address_is_named_in_brackets() -> None:
    assert Endpoint(host="::1", port=9001).name == "[::1]:9001"


def test_an_endpoint_at_a_unix_socket_is_named_by_its_path() -> None:
    assert Endpoint(host="", port=0, unix="/run/players.sock").name == "unix:/run/players.sock"


def test_how_a_service_is_spoken_to_is_told_without_the_key() -> None:
    told = repr(ServiceTls(server_name="players", pem=b"secret"))
    assert told == "<tls to players, verified: True>"
    assert repr(ServiceTls(verified=False)) == "<tls to its host, verified: False>"


def test_an_address_that_a_name_stands_for_must_show_a_certificate_of_the_name() -> None:
    assert Endpoint(host="10.0.0.1", port=443).server_name == "10.0.0.1"
    assert Endpoint(host="10.0.0.1", port=443, authority="a.b:443").server_name == "a.b"


def test_a_route_leads_to_each_of_its_services_by_that_one_s_breaker_and_fallback() -> None:
    one = Part(service="v1", breaker=Breaker(failures=1))
    other = Part(service="v2", fallback=Fallback(service="v1"))
    route = Route(
        name="/a", path="/a", service="v1", tries=7, breaker=one.breaker, parts=(one, other)
    )
    found = leading_to(route, "v2")
    assert (found.service, found.breaker, found.fallback) == ("v2", None, other.fallback)
    assert (found.name, found.tries) == ("/a", 7)


def test_a_service_of_which_a_route_says_nothing_is_treated_as_its_own() -> None:
    route = Route(name="/a", path="/a", service="v1")
    assert leading_to(route, "v2") is route
