"""What an answer must say of itself."""

from starlette.types import Receive, Scope, Send

from tests.helpers.asgi import asked
from tta_gateway.node.degraded import Degrading, say


def an_app(*words: str, status: int = 204) -> Degrading:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        assert (await receive())["type"] == "http.request"
        for word in words:
            say(word)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return Degrading(app)


def test_each_word_is_said_once_in_the_answer_to_its_request() -> None:
    told = asked(an_app("nodes-lapsed=1", "a", "a"), "GET", "/")
    assert told.fields == {"x-degraded": "nodes-lapsed=1, a"}
    assert asked(an_app(), "GET", "/").fields == {}


def test_outside_of_a_request_there_is_nobody_to_say_it_to() -> None:
    say("a")
    assert asked(an_app(), "GET", "/").fields == {}
