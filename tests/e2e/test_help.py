"""Help, as a client's developer meets it: whoever is turned away is told where somebody listens.

A real gateway with therapeutic routes and a standard one; each error is made in the way in which it
comes about, not by name.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import PATIENCE, Answer, Field, post_of
from tests.helpers.gateway import free_port
from tests.helpers.issuing_gateway import AUTH, issuing
from tests.helpers.scripted_upstream import Call

pytestmark = pytest.mark.e2e

SECRET: Final = "0123456789abcdef" * 4
SUPPORT: Final = b"x-crisis-support"
PLAYER: Final = b"/players/7"
CROWDED: Final = {"requests": 1, "per": "1h", "key": ["all"], "name": "crowded"}
HTML: Final = {"status": 503, "body": "<p>closed</p>", "content_type": "text/html"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A way to an error."""

    target: bytes
    method: bytes = b"GET"
    fields: tuple[Field, ...] = ()
    body: bytes | None = None


THERAPEUTIC: Final[dict[int, Asked]] = {
    400: Asked(b"/players/7//x"),
    401: Asked(b"/locked"),
    404: Asked(PLAYER + b"/no/such/thing"),
    405: Asked(PLAYER, method=b"DELETE"),
    413: Asked(PLAYER, body=b"x" * 200),
    429: Asked(b"/crowded"),
    502: Asked(b"/refused"),
    503: Asked(b"/missing"),
    504: Asked(b"/slow"),
}


def say_nothing(call: Call) -> None:
    call.read_to_end()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway with a way to every error."""
    folder = tmp_path_factory.mktemp("help")
    (folder / "secret").write_text(SECRET)
    issuer = {"name": "clinic", "secret": {"file": str(folder / "secret")}, "roles": ["player"]}
    plain: dict[str, object] = {"service": "up", "auth": "none"}
    with scripted() as upstream, scripted() as silent:
        silent.answers(b"/slow", say_nothing)
        with stage(
            folder,
            upstream=upstream,
            identity={"issuers": [issuer]},
            cors={"origins": ["https://app.example"]},
            services={
                "up": {"endpoints": [upstream.url]},
                "gone": {"endpoints": [f"http://127.0.0.1:{free_port()}"]},
                "silent": {"endpoints": [silent.url]},
            },
            routes=[
                {**plain, "path": "/players/{id}", "methods": ["GET", "POST"], "max_body": 100},
                {**plain, "path": "/locked", "auth": "required"},
                {**plain, "path": "/crowded", "rate_limit": CROWDED},
                {**plain, "path": "/refused", "service": "gone", "retries": 0},
                {"path": "/missing", "auth": "none", "respond": {"missing_service": "stories"}},
                {"path": "/closed", "auth": "none", "respond": HTML},
                {
                    **plain,
                    "path": "/slow",
                    "service": "silent",
                    "retries": 0,
                    "timeouts": {"first_byte": "200ms"},
                },
                {**plain, "path": "/british/{rest:path}", "safety": {"region": "GB"}},
                {**plain, "path": "/chat", "service": "gone", "socket": {"profile": "chat"}},
                {**plain, "path": "/standard/{id}", "class": "standard", "methods": ["GET"]},
                {
                    **plain,
                    "path": "/unseen",
                    "methods": ["GET"],
                    "safety": {"mode": "off", "reason": "the service looks itself"},
                },
            ],
        ) as running:
            yield running


def asked(one: Stage, what: Asked, *fields: Field) -> Answer:
    with one.client() as client:
        if what.body is None:
            client.ask(what.target, method=what.method, fields=(*what.fields, *fields))
        else:
            client.send(post_of(what.target, what.body))
        return client.answer(to=what.method)


def card_in(answer: Answer) -> dict[str, Any]:
    told = json.loads(answer.body)["help"]
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize("status", THERAPEUTIC)
def test_no_error_on_a_therapeutic_route_is_bare(one: Stage, status: int) -> None:
    what = THERAPEUTIC[status]
    if status == 429:
        one.upstream.answers(b"/crowded", lambda call: call.answer(b"{}"))
        asked(one, what)
    answer = asked(one, what)
    assert answer.status == status
    assert answer.values(SUPPORT) == [b'available; url="https://findahelpline.com"']
    card = card_in(answer)
    assert (card["level"], card["language"]) == (0, "en")
    assert card["resources"][-1]["url"] == "https://findahelpline.com"
    assert answer.value(b"content-length") == b"%d" % len(answer.body)


def test_who_may_not_come_in_is_told_how_and_where_help_is(one: Stage) -> None:
    answer = asked(one, THERAPEUTIC[401])
    assert answer.value(b"www-authenticate") == b"Bearer"
    assert json.loads(answer.body)["code"] == "identity_token_missing"


def test_what_the_browser_says_of_a_country_is_a_guess(one: Stage) -> None:
    answer = asked(one, THERAPEUTIC[404], (b"accept-language", b"en-US, en;q=0.5"))
    card = card_in(answer)
    assert (card["region"], card["guessed"], card["emergency"]) == ("US", True, "911")
    assert b'call="988"' in (answer.value(SUPPORT) or b"")


@pytest.mark.parametrize("target", [b"/british/a/b", b"/british/a//b"])
def test_the_route_s_region_is_no_guess(one: Stage, target: bytes) -> None:
    one.upstream.answers(b"/british/a/b", lambda call: call.reset())
    answer = asked(one, Asked(target), (b"accept-language", b"en-US"))
    card = card_in(answer)
    assert (card["region"], "guessed" in card, card["emergency"]) == ("GB", False, "999")


def test_a_route_that_nobody_scans_helps_too(one: Stage) -> None:
    assert card_in(asked(one, Asked(b"/unseen", method=b"PUT")))["level"] == 0


@pytest.mark.parametrize(
    ("what", "status"),
    [
        (Asked(b"/standard/1", method=b"PUT"), 405),
        (Asked(b"/standard/1/none"), 404),
        (Asked(b"/elsewhere"), 404),
    ],
)
def test_other_errors_are_what_they_were(one: Stage, what: Asked, status: int) -> None:
    answer = asked(one, what)
    assert (answer.status, answer.value(SUPPORT)) == (status, None)
    assert "help" not in json.loads(answer.body)


def test_an_operator_s_own_words_get_the_field_alone(one: Stage) -> None:
    answer = asked(one, Asked(b"/closed"))
    assert (answer.status, answer.body) == (503, b"<p>closed</p>")
    assert answer.value(SUPPORT) is not None


def test_what_a_service_answers_is_its_own(one: Stage) -> None:
    one.upstream.answers(b"/players/8", lambda call: call.answer(b'{"a":1}', status=404))
    answer = asked(one, Asked(b"/players/8"))
    assert (answer.status, answer.body, answer.value(SUPPORT)) == (404, b'{"a":1}', None)


def test_an_answer_to_head_says_it_in_its_field(one: Stage) -> None:
    answer = asked(one, Asked(b"/missing", method=b"HEAD"))
    assert (answer.status, answer.body) == (503, b"")
    assert answer.value(SUPPORT) is not None


def test_a_page_of_another_origin_may_read_the_field(one: Stage) -> None:
    answer = asked(one, THERAPEUTIC[404], (b"origin", b"https://app.example"))
    assert answer.value(b"access-control-expose-headers") == b"x-crisis-support"


def test_a_request_that_could_not_be_read_may_have_been_of_somebody_in_need(one: Stage) -> None:
    answer = asked(one, Asked(b"/", fields=((b"x-large", b"x" * 40_000),)))
    assert (answer.status, card_in(answer)["level"]) == (431, 0)


def test_who_is_turned_back_before_they_ask_may_be_in_need(tmp_path: Path) -> None:
    bounds = {"per_address": 1}
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, connections=bounds) as crowded,
        crowded.client() as first,
    ):
        target = crowded.on(lambda call: call.answer(b"{}"))
        assert first.get(target).status == 200
        with crowded.client() as second:
            answer = second.answer()
    assert (answer.status, card_in(answer)["level"]) == (503, 0)


def test_who_is_refused_a_chat_hears_where_help_is(one: Stage) -> None:
    with connect(f"ws://127.0.0.1:{one.port}/chat", open_timeout=PATIENCE) as socket:
        told = json.loads(socket.recv(timeout=PATIENCE))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=PATIENCE)
    assert (told["event_type"], told["content"]["help"]["level"]) == ("help", 0)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013


def test_who_cannot_log_in_is_helped(tmp_path: Path) -> None:
    with issuing(tmp_path) as gateway:
        gateway.user("ada", "player")
        wrong = gateway.login("ada", "not the password")
        assert wrong.status == 401
        assert wrong.fields["x-crisis-support"].startswith("available")
        assert wrong.told["help"]["resources"]
        unread = gateway.ask("POST", f"{AUTH}/login", {"no": "name"})
        assert (unread.status, unread.told["help"]["level"]) == (422, 0)
        assert "help" not in gateway.login("ada").told
