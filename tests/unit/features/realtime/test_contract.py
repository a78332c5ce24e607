"""What services are asked in Centrifugo's proxy contract, and what their answers mean."""

import base64
import json
from collections.abc import Callable

import pytest

from tta_gateway.features.realtime import codes, contract
from tta_gateway.features.realtime.codes import Disconnection, Refused
from tta_gateway.features.realtime.command import ConnectRequest, SubscribeRequest
from tta_gateway.features.realtime.contract import Carrier, Connected, Refreshed, Subscribed
from tta_gateway.features.realtime.doorkeeper import Amended, Caller

ADA = Caller("ada", "c1", "192.0.2.7")
JSON = Carrier()
BASE = {"client": "c1", "transport": "websocket", "protocol": "json", "encoding": "json"}
READERS = (
    contract.connected,
    contract.refreshed,
    contract.subscribed,
    contract.amended,
    contract.returned,
)


def body(**members: object) -> bytes:
    return json.dumps(members).encode()


def test_a_connection_is_told_as_its_client_told_it() -> None:
    request = ConnectRequest(
        token="secret",
        data=b'{"room":7}',
        name="js",
        version="5.7",
        subs={"b": SubscribeRequest(), "a": SubscribeRequest()},
    )
    assert json.loads(contract.connect("c1", JSON, request)) == {
        **BASE,
        "name": "js",
        "version": "5.7",
        "channels": ["a", "b"],
        "data": {"room": 7},
    }
    assert json.loads(contract.connect("c1", JSON, ConnectRequest())) == BASE


def test_commands_are_told_with_who_gives_them() -> None:
    base = {**BASE, "user": "ada"}
    assert json.loads(contract.refresh(ADA, JSON)) == base
    in_channel = {**base, "channel": "session:1"}
    assert json.loads(contract.subscribe(ADA, JSON, "session:1", b"")) == in_channel
    told = json.loads(contract.publish(ADA, JSON, "session:1", b"[1]"))
    assert told == {**in_channel, "data": [1]}
    called = json.loads(contract.call(ADA, JSON, "chat.close", b'"now"'))
    assert called == {**base, "method": "chat.close", "data": "now"}
    assert json.loads(contract.call(ADA, JSON, "", b"")) == base
    nobody = Caller("", "c1")
    assert json.loads(contract.refresh(nobody, JSON))["user"] == ""


def test_how_a_client_speaks_is_told_and_its_data_is_json_in_any_case() -> None:
    told = json.loads(contract.publish(ADA, Carrier("sse", is_binary=True), "a", b"1"))
    assert (told["transport"], told["protocol"], told["encoding"]) == ("sse", "protobuf", "json")
    assert told["data"] == 1


def test_a_service_is_told_again_what_it_has_said_of_a_connection() -> None:
    told = json.loads(contract.publish(ADA, Carrier(meta=b'{"room":7}'), "a", b"1"))
    assert told["meta"] == {"room": 7}


def test_what_is_kept_of_a_connection_is_little() -> None:
    with pytest.raises(contract.Unclear) as told:
        contract.connected(body(result={"meta": "x" * 4095}))
    assert "4096 bytes" in str(told.value)


def test_data_is_passed_on_as_it_is_written() -> None:
    assert b'"data":{"a": 1.0}' in contract.publish(ADA, JSON, "a", b'{"a": 1.0}')


def test_what_a_service_says_of_a_connection() -> None:
    answer = body(
        result={
            "user": "56",
            "expire_at": 1700,
            "info": {"name": "Ada"},
            "data": {"hello": [1, 2]},
            "channels": ["news", "session:1"],
            "subs": {"session:1": {"info": {"as": "guest"}, "override": {}}, "session:2": None},
            "meta": {"k": "v"},
        }
    )
    assert contract.connected(answer) == Connected(
        expires=1700,
        about=b'{"name": "Ada"}',
        data=b'{"hello": [1, 2]}',
        meta=b'{"k": "v"}',
        channels={"news": b"", "session:1": b'{"as": "guest"}', "session:2": b""},
    )
    assert contract.connected(b'{"result":{}}') == Connected()


def test_what_a_service_says_of_a_refresh() -> None:
    assert contract.refreshed(body(result={"expire_at": 5})) == Refreshed(expires=5)
    assert contract.refreshed(body(result={})) == Refreshed()
    assert contract.refreshed(body(result={"expired": True})) == codes.CONNECTION_EXPIRED


def test_what_a_service_says_of_a_subscription() -> None:
    answer = body(result={"info": {"a": 1}, "data": "x", "expire_at": 9, "override": {"x": 1}})
    assert contract.subscribed(answer) == Subscribed(expires=9, about=b'{"a": 1}', data=b'"x"')
    assert contract.subscribed(body(result={"data": None, "info": None})) == Subscribed()


def test_what_a_service_makes_of_a_message() -> None:
    answer = body(
        result={
            "data": {"clean": True},
            "skip_history": True,
            "tags": {"a": "b"},
            "idempotency_key": "k",
            "delta": True,
            "version": 7,
        }
    )
    assert contract.amended(answer) == Amended(
        data=b'{"clean": true}', tags={"a": "b"}, key="k", is_kept=False
    )
    assert contract.amended(b'{"result":{}}') == Amended()


def test_what_a_procedure_returns() -> None:
    assert contract.returned(body(result={"data": {"year": 2019}})) == b'{"year": 2019}'
    assert contract.returned(b'{"result":{}}') == b""


def test_what_is_told_further_is_json_of_one_line_also_out_of_base64() -> None:
    assert contract.returned(b'{"result":{"data":{"a":\r\n1}}}') == b'{"a":  1}'
    packed = base64.b64encode(b'{"a":\n1}').decode()
    assert contract.returned(body(result={"b64data": packed})) == b'{"a": 1}'
    assert contract.subscribed(body(result={"b64info": packed})) == Subscribed(about=b'{"a": 1}')


@pytest.mark.parametrize("read", READERS)
def test_every_question_may_be_answered_by_an_error(read: object) -> None:
    assert callable(read)
    answer = body(error={"code": 403, "message": "not now"}, result={})
    assert read(answer) == Refused(403, "not now")
    assert read(body(error={"code": 1000})) == Refused(1000, "")


@pytest.mark.parametrize("read", READERS)
def test_every_question_may_be_answered_by_the_end(read: object) -> None:
    assert callable(read)
    answer = body(disconnect={"code": 4501, "reason": "unauthorized"}, error={"code": 403})
    assert read(answer) == Disconnection(4501, "unauthorized")
    assert read(body(disconnect={"code": 4000})) == Disconnection(4000, "")


@pytest.mark.parametrize(
    ("error", "is_temporary"),
    [
        ({"code": 100}, True),
        ({"code": 111}, True),
        ({"code": 103}, False),
        ({"code": 500, "temporary": True}, True),
        ({"code": 500, "temporary": False}, False),
    ],
)
def test_an_error_that_passes_is_told_as_such(error: object, is_temporary: bool) -> None:
    found = contract.amended(body(error=error))
    assert isinstance(found, Refused)
    assert found.temporary is is_temporary


def test_what_clients_read_has_no_line_breaks_and_an_end() -> None:
    found = contract.amended(body(error={"code": 400, "message": "a\nb" + "c" * 999}))
    assert isinstance(found, Refused)
    assert found.message == "ab" + "c" * 254


@pytest.mark.parametrize(
    ("reason", "told"),
    [("é no", " no"), ("x" * 99, "x" * 32), ("12", ""), ('{"reconnect":true}', ""), ("", "")],
)
def test_a_reason_is_plain_words_that_a_close_can_tell(reason: str, told: str) -> None:
    found = contract.amended(body(disconnect={"code": 4000, "reason": reason}))
    assert found == Disconnection(4000, told)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b'{"result":{}', "is not JSON"),
        (b'{"result":{"data":"\xff"}}', "is not JSON"),
        (b'{"result":{"data":' + b"[" * 3000 + b"]" * 3000 + b"}}", ""),
        (b"[]", "is not of the contract"),
        (b"{}", "says neither `result` nor `error` nor `disconnect`"),
        (b'{"result":null}', "says neither"),
        (b'{"status":"ok"}', "says neither"),
        (b'{"result":true}', "is not of the contract"),
        (b'{"result":{"skip_history":"yes"}}', "`$.result.skip_history`"),
        (b'{"result":{"tags":{"a":1}}}', "is not of the contract"),
        (b'{"result":{"b64data":"e30"}}', "`data` is no JSON"),
        (b'{"result":{"b64data":"eHg="}}', "`data` is no JSON"),
        ('{"result":{"b64data":"é"}}'.encode(), "`data` is no JSON"),
        (b'{"error":{"code":0}}', "`$.error.code`"),
        (b'{"error":{"code":2000}}', "`$.error.code`"),
        (b'{"error":{}}', "is not of the contract"),
        (b'{"disconnect":{"code":1000}}', "`$.disconnect.code`"),
        (b'{"disconnect":{"code":5000}}', "`$.disconnect.code`"),
    ],
)
def test_what_is_no_answer_of_the_contract_allows_nothing(answer: bytes, why: str) -> None:
    with pytest.raises(contract.Unclear) as told:
        contract.amended(answer)
    assert why in str(told.value)


def test_what_is_wrong_is_told_without_what_was_said() -> None:
    with pytest.raises(contract.Unclear) as told:
        contract.connected(b'{"result":{"expire_at":"a secret"}}')
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("read", "result", "why"),
    [
        (contract.connected, {"info": "x" * 4095}, "`info`"),
        (contract.connected, {"subs": {"a": {"info": "x" * 4095}}}, "`info`"),
        (contract.subscribed, {"info": "x" * 4095}, "`info`"),
        (contract.amended, {"tags": {"a": "x" * 2048, "b": "é" * 1024}}, "`tags`"),
    ],
)
def test_what_goes_with_every_message_is_little(
    read: Callable[[bytes], object], result: object, why: str
) -> None:
    with pytest.raises(contract.Unclear) as told:
        read(body(result=result))
    assert why in str(told.value)
    assert "4096 bytes" in str(told.value)
    assert contract.subscribed(body(result={"info": "x" * 4094})) == Subscribed(
        about=b'"' + b"x" * 4094 + b'"'
    )
