import msgspec
import pytest

from tests.helpers.builders import a_route, an_endpoint
from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.kernel.route import Condition, Respond, Rewrite, Service
from tta_gateway.snapshot.encode import decode, encode
from tta_gateway.snapshot.model import Listener, Snapshot

CORS = msgspec.Raw(msgspec.msgpack.encode(CorsBound(origins=("https://app.example",))))
WHOLE = Snapshot(
    version=7,
    state_dir="/var/lib/tta",
    listeners=(Listener(host="::1", port=8080, trusted=("10.0.0.0/8",)), Listener(unix="/run/g")),
    services=(Service(name="players", endpoints=(an_endpoint(),), balance="weighted"),),
    routes=(
        a_route(
            "/players/{id}",
            methods=("GET",),
            conditions=(Condition(name="x-beta", value="on"), Condition(name="x-any")),
            rewrite=Rewrite(strip_prefix="/players"),
            request_fields=(("cookie", None), ("x-from", "gateway")),
        ),
        a_route("/worlds", service="", respond=Respond(missing_service="worlds")),
    ),
    features={"cors": CORS},
)


def test_a_snapshot_comes_back_as_it_was() -> None:
    assert decode(encode(WHOLE)) == WHOLE


def test_a_feature_s_settings_come_back_as_they_were() -> None:
    raw = decode(encode(WHOLE)).features["cors"]
    assert msgspec.msgpack.decode(raw, type=CorsBound).origins == ("https://app.example",)


@pytest.mark.parametrize("data", [b"", b"\xc1", encode(WHOLE)[:-1], msgspec.msgpack.encode({})])
def test_what_is_no_snapshot_is_an_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(data)
