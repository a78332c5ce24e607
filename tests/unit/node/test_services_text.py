"""What `tta-gateway services` prints; the rest is in test_services_api.py."""

from tta_gateway.node.services_text import lines

SERVICE: dict[str, object] = {
    "name": "players",
    "balance": "peak_ewma",
    "good": 0,
    **{key: [] for key in ("down", "degraded", "breakers", "endpoints", "transitions")},
}


def test_it_is_said_who_a_service_must_be_and_what_it_is_shown() -> None:
    tls = {"verified": True, "must_be": "spiffe://tta/x", "shows": "/a.pem", "shows_until": 0.0}
    _, line = lines({"services": [{**SERVICE, "tls": tls}]})
    assert line == "  tls: must be spiffe://tta/x, is shown /a.pem until 1970-01-01 00:00Z"
    _, line = lines({"services": [{**SERVICE, "tls": {"verified": False}}]})
    assert line == "  tls: is not verified"
    assert len(list(lines({"services": [{**SERVICE, "tls": {"verified": True}}]}))) == 1


def test_no_services_are_no_lines() -> None:
    assert list(lines({"services": []})) == []
