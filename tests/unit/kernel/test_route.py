from tta_gateway.kernel.route import Endpoint


def test_an_endpoint_is_named_by_host_and_port() -> None:
    assert Endpoint(host="players.local", port=9001).name == "players.local:9001"


def test_an_endpoint_at_an_ipv6_address_is_named_in_brackets() -> None:
    assert Endpoint(host="::1", port=9001).name == "[::1]:9001"


def test_an_endpoint_at_a_unix_socket_is_named_by_its_path() -> None:
    assert Endpoint(host="", port=0, unix="/run/players.sock").name == "unix:/run/players.sock"
