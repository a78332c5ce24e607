"""etcd where it refuses: what a real one (3.4.23) answers to a bad login, byte for byte.

Everything else runs on a real one, in tests/e2e/discovery.
"""

from tests.helpers.found import Told, in_loop
from tests.helpers.registry_server import Answering, Asked, serving
from tta_gateway.features.discovery.bound import Etcd
from tta_gateway.features.discovery.etcd_provider import EtcdProvider

NO_LOGIN = (
    b'{"error":"etcdserver: user name is empty",'
    b'"message":"etcdserver: user name is empty","code":3}'
)
REFUSED = (
    b'{"error":"etcdserver: authentication failed, invalid user ID or password",'
    b'"message":"etcdserver: authentication failed, invalid user ID or password","code":3}'
)


@in_loop
async def test_a_login_that_is_refused_says_what_to_look_at() -> None:
    async def serve(_: Asked, answer: Answering) -> None:
        await answer.whole(REFUSED, status=400)

    async with serving(serve) as server:
        settings = Etcd(origins=(server.origin(),), prefix="/s/", user="gateway", password="wrong")
        told = Told()
        wanted = {"players": ("players", False)}
        await told.watch(EtcdProvider(settings, wanted, misread=lambda *_: None))
    assert told.unreachable == [
        "it answers 400 to the login of `gateway`: look at `discovery.etcd.user` and `password`"
    ]


@in_loop
async def test_one_that_asks_for_a_login_where_nobody_is_named_says_what_to_write() -> None:
    async def serve(_: Asked, answer: Answering) -> None:
        await answer.whole(NO_LOGIN, status=400)

    async with serving(serve) as server:
        told = Told()
        settings = Etcd(origins=(server.origin(),), prefix="/s/")
        wanted = {"players": ("players", False)}
        await told.watch(EtcdProvider(settings, wanted, misread=lambda *_: None))
    assert told.unreachable == [
        "it answers 400 to `/v3/kv/range`: if it asks for a login, say `discovery.etcd.user` "
        "and `password`"
    ]
