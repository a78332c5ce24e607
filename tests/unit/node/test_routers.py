"""What control serves: declared by features, told in the reference, and nothing twice."""

from collections import Counter

from tta_gateway.node.routers import endpoints, internal_endpoints, public_endpoints
from tta_gateway.settings.public import INTERNAL, PUBLIC


def test_what_is_declared_is_what_is_served() -> None:
    """A feature has one line in settings/public.py and one in node/routers.py."""
    declared = [(one.methods[0], one.path) for _, routes in PUBLIC.values() for one in routes]
    served = [(method, path) for method, path, _ in public_endpoints()]
    assert sorted(declared) == sorted(served)
    assert all(sentence.endswith(".") for _, _, sentence in public_endpoints())


def test_so_it_is_with_what_is_for_services() -> None:
    declared = [(one.methods[0], one.path) for _, routes in INTERNAL.values() for one in routes]
    served = [(method, path) for method, path, _ in internal_endpoints()]
    assert sorted(declared) == sorted(served)
    assert all(sentence.endswith(".") for _, _, sentence in internal_endpoints())
    assert all(one.internal for _, routes in INTERNAL.values() for one in routes)


def test_everything_that_is_served_is_told_with_what_it_does() -> None:
    told = endpoints()
    assert ("POST", "/admin/v1/workers/restart") in [(method, path) for method, path, _ in told]
    assert ("GET", "/metrics") in [(method, path) for method, path, _ in told]
    assert all(sentence.endswith(".") for _, _, sentence in told)


def test_nothing_is_served_twice() -> None:
    for told in (endpoints(), public_endpoints(), internal_endpoints()):
        assert set(Counter((method, path) for method, path, _ in told).values()) == {1}
