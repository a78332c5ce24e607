"""What `tta-gateway services` prints; the rest is in test_services_api.py."""

from tta_gateway.node.services_text import lines


def test_no_services_are_no_lines() -> None:
    assert list(lines({"services": []})) == []
