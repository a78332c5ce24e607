"""What a look shows; what stores do is tests/contract/registration."""

from tests.helpers.register_store import a_registration
from tta_gateway.features.registration.store import Looked


def test_a_look_tells_nothing_new_from_nothing_there() -> None:
    assert Looked("a", 1, None).found is None
    assert Looked("a", 1, ()).found == ()
    assert Looked("a", 2, (a_registration(),)).version == 2
