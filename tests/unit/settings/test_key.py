"""What operators write about what sticks."""

import pytest
from pydantic import ValidationError

from tta_gateway.kernel.route import Key
from tta_gateway.settings.key import KeyConfig, compiled


def key(**written: object) -> KeyConfig:
    return KeyConfig.model_validate(written)


def wrong(**written: object) -> str:
    with pytest.raises(ValidationError) as caught:
        key(**written)
    return "; ".join(str(one["msg"]) for one in caught.value.errors())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"by": "client_address"}, Key(by="client_address")),
        ({"by": "principal"}, Key(by="principal")),
        ({"by": "path", "name": "player_id"}, Key(by="path", name="player_id")),
        ({"by": "header", "name": "X-Player"}, Key(by="header", name="x-player")),
        ({"by": "cookie", "name": "Sid"}, Key(by="cookie", name="Sid")),
        ({"by": "cookie", "name": "s", "ttl": "1h"}, Key(by="cookie", name="s", ttl=3600.0)),
        ({"by": "cookie", "name": "s", "ttl": "session"}, Key(by="cookie", name="s", ttl=0.0)),
        ({"by": "cookie", "name": "s", "ttl": None}, Key(by="cookie", name="s")),
    ],
)
def test_a_key_becomes_what_a_worker_needs(written: dict[str, object], meant: Key) -> None:
    assert compiled(key(**written)) == meant


@pytest.mark.parametrize("by", ["path", "header", "cookie"])
def test_a_name_is_wanted(by: str) -> None:
    assert "is missing: write the name of the " in wrong(by=by)


def test_an_address_has_no_name() -> None:
    assert "has no effect with `by: client_address`" in wrong(by="client_address", name="x")
    assert "has no effect with `by: principal`" in wrong(by="principal", name="x")


@pytest.mark.parametrize("name", ["a b", "a;b", "a=b", "ü", '"a"'])
def test_the_name_of_a_cookie_is_a_token(name: str) -> None:
    assert f"`{name}` is not the name of a cookie" in wrong(by="cookie", name=name)


def test_the_name_of_a_field_is_one() -> None:
    assert "is not the name of a header field" in wrong(by="header", name="a b")


@pytest.mark.parametrize("ttl", ["0s", "1.5s", "500ms", 0])
def test_a_cookie_lasts_whole_seconds(ttl: object) -> None:
    assert "must be whole seconds" in wrong(by="cookie", name="s", ttl=ttl)


def test_what_is_no_duration_is_told_of_the_other_word() -> None:
    assert "or `session`" in wrong(by="cookie", name="s", ttl="soon")


def test_only_a_cookie_has_a_time() -> None:
    assert "has no effect without `by: cookie`" in wrong(by="header", name="x", ttl="1h")


@pytest.mark.parametrize("ttl", ["session", "2h", None])
def test_what_is_shown_can_be_written(ttl: object) -> None:
    shown = key(by="cookie", name="s", ttl=ttl).model_dump()
    assert shown == {"by": "cookie", "name": "s", "ttl": ttl}
    assert key(**shown) == key(by="cookie", name="s", ttl=ttl)
