"""A person with an SDK who reads a channel of a hub, and holds it to what the protocol promises."""

from random import Random

from tests.helpers.client_schema import Json
from tests.helpers.client_words import Written
from tests.helpers.hub_house import Client, HubHouse, code_of
from tta_gateway.features.realtime.channel import MOST_RECOVERED


class Reader:
    """A person with an SDK: reconnects, recovers, and holds the hub to its promise."""

    def __init__(
        self, houses: list[HubHouse], name: str, chance: Random, *, channel: str = "a"
    ) -> None:
        self.houses = houses
        self.channel = channel
        self.heard: dict[tuple[str, int], Json] = {}
        """what stood where"""
        self.name = name
        self.chance = chance
        self.times = 0
        self.offset = 0
        self.epoch = ""
        self.begun = False
        self.is_reading = False
        self.client: Client | None = None
        self.unrecovered = 0
        self.outrun = 0
        """how often it had missed more than is ever given back"""

    def connect(self) -> None:
        self.times += 1
        house = self.chance.choice(self.houses)
        self.client = house.socket(f"{self.name}-{self.times}")
        self.client.send({"id": 1, "connect": {"token": "t"}})
        self.subscribe()

    def subscribe(self) -> None:
        assert self.client is not None
        where: Written = {"channel": self.channel}
        if self.begun:
            where |= {"recover": True, "offset": self.offset, "epoch": self.epoch}
        self.client.send({"id": 2, "subscribe": where})

    def cut(self) -> None:
        if self.client is not None:
            self.listen()
            self.client.connection.lost()
        self.client, self.is_reading = None, False

    def listen(self) -> None:
        if self.client is None:
            return
        for told in self.client.heard():
            assert isinstance(told, dict)
            if "subscribe" in told:
                self._subscribed(told["subscribe"])
            elif "push" in told:
                self._pushed(told["push"])
            elif "error" in told:
                assert code_of(told) == 100
                self.subscribe()
        if self.client.ended is not None:
            self.client, self.is_reading = None, False

    def _subscribed(self, result: Json) -> None:
        assert isinstance(result, dict)
        assert not self.is_reading
        self.is_reading = True
        if result.get("recovered"):
            assert (result.get("offset", 0), result["epoch"]) == (self.offset, self.epoch)
        elif self.begun:
            missed = int(str(result.get("offset", 0))) - self.offset
            is_outrun = result["epoch"] == self.epoch and missed > MOST_RECOVERED
            self.outrun += is_outrun
            self.unrecovered += not is_outrun
        self.begun = True
        self.epoch = str(result["epoch"])
        self.offset = result.get("offset", 0)  # type: ignore[assignment]
        for pub in result.get("publications", []):  # type: ignore[union-attr]
            self._take(pub)

    def _pushed(self, push: Json) -> None:
        assert isinstance(push, dict)
        assert self.is_reading, "nothing comes before the answer to subscribe, or after the end"
        if "pub" in push:
            self._take(push["pub"])
        else:
            self.is_reading = False
            self.subscribe()

    def _take(self, pub: Json) -> None:
        assert isinstance(pub, dict)
        assert pub["offset"] == self.offset + 1, "no gap, and nothing twice"
        self.offset += 1
        self.heard[self.epoch, self.offset] = pub["data"]
