"""What a request says of who asks."""

import pytest
from starlette.datastructures import Headers

from tests.helpers.identity_house import ISSUING
from tta_gateway.features.identity.asking import Asking
from tta_gateway.features.identity.problems import ORIGIN_REFUSED
from tta_gateway.kernel.errors import ClientFault


def asking(**fields: str) -> Asking:
    return Asking(Headers({name.replace("_", "-"): value for name, value in fields.items()}))


def test_what_a_worker_has_written_counts() -> None:
    found = asking(
        host="inside",
        x_forwarded_host="gate.example, proxy",
        x_forwarded_proto="https, http",
        x_real_ip="192.0.2.1",
    )
    assert (found.host, found.scheme, found.address) == ("gate.example", "https", "192.0.2.1")
    assert asking(host="gate").host == "gate"


def test_a_page_of_elsewhere_is_refused() -> None:
    asking(host="gate", origin="http://gate").check(ISSUING)
    asking(host="gate").check(ISSUING)
    with pytest.raises(ClientFault) as raised:
        asking(host="gate", origin="http://evil").check(ISSUING)
    assert raised.value.problem is ORIGIN_REFUSED


def test_a_page_is_known_as_one() -> None:
    assert asking(origin="null").is_of_a_page
    assert not asking(host="gate").is_of_a_page
