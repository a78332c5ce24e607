import asyncio
import gzip
from collections.abc import Awaitable

import msgspec
import pytest

from tests.helpers.builders import a_plan, a_route, an_exchange
from tta_gateway.features.safety.accounts import (
    AGAIN,
    DAY,
    EVIDENCE,
    KEPT,
    PROMISED,
    REFUSED,
    Accounts,
    Refused,
)
from tta_gateway.features.safety.said import Said
from tta_gateway.kernel.drill import Drill
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.incident import Report
from tta_gateway.kernel.peer import Peer
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.verdict import Verdict

FOUND = Verdict(3, ("suicide",), ("rule",), "7", 0.9)
WHO = Principal(subject="p7", issuer="a")


class Kept:
    def __init__(self) -> None:
        self.durable = True
        self.told: list[tuple[Report, str]] = []

    def put(self, report: Report, text: str) -> Awaitable[bool]:
        self.told.append((report, text))
        return asyncio.sleep(0, result=self.durable)


class House:
    def __init__(self) -> None:
        self.now = 5_000_000.0
        self.kept = Kept()
        self.accounts = Accounts(
            self.kept,
            wall=lambda: self.now,
            fresh=lambda: f"r{len(self.kept.told)}",
            pseudonym=lambda address: f"network of {address}",
        )

    def tell(self, exchange: Exchange, text: str = "words") -> str:
        return asyncio.run(self.accounts.tell(exchange, FOUND, Said(text), delivered=True))

    def tell_of_lapsed(self, exchange: Exchange) -> str:
        return asyncio.run(self.accounts.tell_of_lapsed(exchange, FOUND, Said("words")))


def asking(*, service: str = "", routed: bool = True) -> Exchange:
    made = an_exchange(plan=a_plan(route=a_route() if routed else None))
    made.principal = WHO
    made.service = service
    made.request_id = b"q1"
    return made


def test_a_report_says_who_where_and_what_was_found() -> None:
    house = House()
    assert house.tell(asking()) == "kept"
    ((report, text),) = house.kept.told
    assert text == "words"
    assert report == Report(
        id="r0",
        at=house.now,
        person="a/p7",
        identity="verified",
        level=3,
        categories=("suicide",),
        rules=("rule",),
        version="7",
        source="request",
        route="/{rest:path}",
        service="players",
        correlation="q1",
        delivered=True,
    )


def test_a_drill_is_reported_as_one_and_marked() -> None:
    house, exchange = House(), asking()
    exchange.drill = Drill("7", by="ben", level=2, now=lambda: 0.0)
    assert house.tell(exchange) == "kept"
    ((report, text),) = house.kept.told
    assert text == "[DRILL] words"
    assert (report.id, report.source, report.person) == ("drill-7", "drill", "drill 7 of ben")
    assert b"journal" in exchange.drill.timing()
    house.kept.durable = False
    exchange.drill = Drill("8", by="ben", level=2, now=lambda: 0.0)
    assert house.tell(exchange) == ""
    assert b"journal" not in exchange.drill.timing()


def test_a_drill_that_is_refused_is_weighed_with_nothing_that_anybody_has_said() -> None:
    house, exchange = House(), asking()
    refused = Refused(house.accounts, lambda _: FOUND)
    refused.weigh = lambda _, found, __: pytest.fail(f"{found}")
    exchange.drill = Drill("7", by="ben", level=2, now=lambda: 0.0)
    assert list(refused.look(exchange, b"words"))[-1]
    assert asyncio.run(refused.open(exchange, b"words")) == "kept"
    ((report, _),) = house.kept.told
    assert (report.level, report.source, report.delivered) == (2, "drill", False)


def test_a_refused_drill_in_which_too_little_is_found_is_told_of_to_nobody() -> None:
    house, exchange = House(), asking()
    refused = Refused(house.accounts, lambda _: Verdict(2, ("suicide",), ("rule",), "7", 0.9))
    exchange.drill = Drill("7", by="ben", level=3, now=lambda: 0.0)
    assert list(refused.look(exchange, b"words"))[-1]
    assert asyncio.run(refused.open(exchange, b"words")) == ""
    assert house.kept.told == []


def test_the_service_is_the_one_that_was_chosen_and_there_may_be_none() -> None:
    house = House()
    house.tell(asking(service="other"))
    house.tell(asking(routed=False))
    assert [(one.route, one.service) for one, _ in house.kept.told] == [
        ("/{rest:path}", "other"),
        ("", ""),
    ]


def test_who_it_is_is_told_as_well_as_it_is_known() -> None:
    house, exchange = House(), asking()
    exchange.principal = None
    assert house.accounts.person(exchange) == ("network of 192.0.2.7", "unknown")
    exchange.lapsed = WHO
    assert house.accounts.person(exchange) == ("a/p7", "unverified")


def test_of_what_a_service_has_each_level_has_places_that_lower_ones_cannot_take() -> None:
    house, exchange = House(), asking()

    def tell(level: int) -> str:
        found = Verdict(level, ("suicide",), ("rule",), "7", 0.9)
        return asyncio.run(house.accounts.tell(exchange, found, Said("words"), delivered=True))

    for level in (1, 2, 3):
        assert [tell(level) for _ in range(KEPT + 1)] == ["kept"] * KEPT + ["counted"]
    assert house.kept.told[-1][1] == ""
    house.now += DAY
    assert tell(1) == "kept"


def lost(house: House, text: str = "words", level: int = 2) -> str:
    found = Verdict(level, ("suicide",), ("rule",), "7", 0.9)
    return asyncio.run(house.accounts.tell(asking(), found, Said(text), delivered=False))


def test_what_no_service_has_is_kept_whatever_else_is() -> None:
    house = House()
    for _ in range(KEPT * 3 + 5):
        house.tell(asking())
    assert [lost(house) for _ in range(100)] == ["kept"] * 100


def test_of_what_no_service_has_so_many_bytes_are_kept_and_more_of_who_is_in_danger() -> None:
    house = House()
    text = "a" * 60_000
    fates = [lost(house, text) for _ in range(20)]
    assert fates.count("kept") * 60_000 <= PROMISED
    assert fates[-1] == "counted"
    assert lost(house, text, level=3) == "kept"
    assert house.tell(asking()) == "kept"


def test_what_is_told_at_once_takes_its_place_at_once() -> None:
    house = House()

    async def tell() -> list[str]:
        telling = (
            house.accounts.tell(asking(), FOUND, Said("words"), delivered=True) for _ in range(100)
        )
        return await asyncio.gather(*telling)

    assert asyncio.run(tell()).count("kept") == KEPT * 3


def test_what_is_told_of_a_text_again_says_what_it_amends() -> None:
    house, said = House(), Said("words")
    for delivered in (True, False):
        asyncio.run(house.accounts.tell(asking(), FOUND, said, delivered=delivered))
    assert [one.amends for one, _ in house.kept.told] == ["", "r0"]


def test_of_a_long_text_what_was_found_is_kept_with_what_is_around_it() -> None:
    house = House()
    text = "a" * 2 * EVIDENCE + "cry" + "a" * 2 * EVIDENCE
    said = Said(text, 2 * EVIDENCE)
    asyncio.run(house.accounts.tell(asking(), FOUND, said, delivered=True))
    asyncio.run(house.accounts.tell(asking(), FOUND, said, delivered=False))
    (_, part), (_, whole) = house.kept.told
    assert len(part) <= EVIDENCE + 10
    assert "cry" in part
    assert "cry" in whole
    assert len(whole) > len(part)


def test_what_is_not_durable_has_no_fate_and_takes_no_place() -> None:
    house = House()
    house.kept.durable = False
    assert [house.tell(asking()) for _ in range(KEPT * 4)] == [""] * KEPT * 4
    house.kept.durable = True
    assert house.tell(asking()) == "kept"


def lapsed() -> Exchange:
    exchange = asking()
    exchange.principal, exchange.lapsed = None, WHO
    return exchange


def test_whose_token_has_expired_is_told_of_once_an_hour_and_never_as_imminent() -> None:
    house = House()
    assert [house.tell_of_lapsed(lapsed()) for _ in range(3)] == ["kept", "", ""]
    assert house.kept.told[0][0].level == 2
    house.now += AGAIN
    assert house.tell_of_lapsed(lapsed()) == "kept"


@pytest.mark.parametrize("fails", [False, True])
def test_it_is_told_again_if_it_could_not_be_kept(fails: bool) -> None:
    house = House()
    house.kept.durable = False
    assert house.tell_of_lapsed(lapsed()) == ""
    house.kept.durable = not fails
    assert bool(house.tell_of_lapsed(lapsed())) != fails


def test_people_are_forgotten_in_the_order_in_which_they_came() -> None:
    house = House()

    async def tell_of_many() -> None:
        for number in range(10_001):
            exchange = lapsed()
            exchange.lapsed = Principal(subject=f"p{number}", issuer="a")
            await house.accounts.tell_of_lapsed(exchange, FOUND, Said("words"))

    asyncio.run(tell_of_many())
    assert next(iter(house.accounts._told)) == next(iter(house.accounts._kept)) == "a/p1"


def test_what_was_refused_is_looked_at_and_told_of() -> None:
    house = House()
    refused = Refused(house.accounts, lambda text: FOUND if "on" in text else Verdict())
    exchange = asking()
    assert list(refused.look(exchange, b'"fair"')) == [False]
    before = exchange.safety
    assert before is None
    assert list(refused.look(exchange, b'"go on"')) == [True]
    assert exchange.safety == FOUND
    assert asyncio.run(refused.open(exchange, b'"go on"')) == "kept"
    report, text = house.kept.told[0]
    assert (report.delivered, text) == (False, "go on")
    assert asyncio.run(refused.open(lapsed(), b'"go on"')) == "kept"
    assert asyncio.run(refused.open(asking(), b"")) == "counted"


def test_a_message_that_was_refused_and_is_kept_counts_among_the_turns() -> None:
    house = House()
    refused = Refused(house.accounts, lambda _: FOUND)
    weighed: list[str] = []

    def weigh(_: Exchange, found: Verdict, text: str) -> Verdict:
        weighed.append(text)
        return msgspec.structs.replace(found, level=3)

    refused.weigh = weigh
    exchange = asking()
    assert any(refused.look(exchange, b'"go on"'))
    assert asyncio.run(refused.open(exchange, b'"go on"')) == "kept"
    assert weighed == ["go on"]
    assert house.kept.told[0][0].level == 3


def test_of_a_refused_body_that_unpacks_to_much_more_both_ends_are_looked_at() -> None:
    house = House()
    read: list[str] = []

    def judge(text: str) -> Verdict:
        read.append(text)
        return Verdict()

    refused = Refused(house.accounts, judge)
    exchange = asking()
    exchange.request.fields.append((b"content-encoding", b"gzip"))
    numbers = " ".join(map(str, range(20_000)))
    assert not any(refused.look(exchange, gzip.compress(f"so {numbers} end".encode())))
    assert sum(map(len, read)) < REFUSED * 2.5
    assert read[0].startswith("so ")
    assert read[-1].endswith(" end")


def conversation(house: House, exchange: Exchange) -> str:
    house.tell(exchange)
    return house.kept.told[-1][0].conversation


def test_two_of_a_network_are_told_apart_by_their_connections() -> None:
    house, one, other = House(), asking(), asking()
    assert conversation(house, one) == ""  # known by name
    one.principal = other.principal = None
    other.peer = Peer(one.peer.address, port=7, scheme=b"http", trusted=False)
    first = conversation(house, one)
    assert conversation(house, one) == first != ""
    assert conversation(house, other) not in {"", first}


def test_behind_a_proxy_they_are_told_apart_by_what_holds_them_to_an_endpoint() -> None:
    house, one = House(), asking()
    one.principal = None
    one.peer = Peer("10.0.0.1", port=7, scheme=b"http", trusted=True)
    assert conversation(house, one) == ""
    one.key = b"cookie"
    first = conversation(house, one)
    one.key = b"another"
    assert conversation(house, one) not in {"", first}
