from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.kernel.message import NO_FIELDS, Fields
from tta_gateway.kernel.upload import HIGH_WATER, Upload

TRAILERS: Fields = [(b"checksum", b"1")]


class Client:
    """The client's side: is it being read?"""

    def __init__(self) -> None:
        self.is_read = True
        self.told = 0

    def pause_upload(self) -> None:
        self.is_read = False
        self.told += 1

    def resume_upload(self) -> None:
        self.is_read = True
        self.told += 1


@dataclass
class Service:
    """The service's side: what has arrived."""

    body: bytes = b""
    trailers: Fields | None = None
    after_end: int = 0
    pieces: list[bytes] = field(default_factory=list)

    def send_body(self, data: bytes) -> None:
        self.after_end += self.trailers is not None
        self.pieces.append(data)
        self.body += data

    def end_body(self, trailers: Fields) -> None:
        self.after_end += self.trailers is not None
        self.trailers = trailers


class FullService(Service):
    """A service that cannot keep up, and says so while it is given something."""

    def __init__(self, upload: Upload) -> None:
        super().__init__()
        self.upload = upload

    def send_body(self, data: bytes) -> None:
        super().send_body(data)
        self.upload.pause()


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def upload(client: Client) -> Upload:
    return Upload(client, limit=1_000_000, keep=100)


def test_what_came_before_anybody_took_it_is_sent_at_once(upload: Upload) -> None:
    upload.feed(b"one ")
    upload.feed(b"two")
    service = Service()
    upload.attach(service)
    assert service.pieces == [b"one two"]


def test_what_comes_later_passes_straight_through(upload: Upload) -> None:
    service = Service()
    upload.attach(service)
    upload.feed(b"one")
    upload.feed(b"two")
    assert service.pieces == [b"one", b"two"]


def test_the_end_passes_through_with_its_trailers(upload: Upload) -> None:
    service = Service()
    upload.attach(service)
    upload.end(TRAILERS)
    assert service.trailers == TRAILERS


def test_an_end_that_came_early_is_told_to_whoever_takes_the_body(upload: Upload) -> None:
    upload.end(TRAILERS)
    service = Service()
    upload.attach(service)
    assert service.trailers == TRAILERS


def test_an_empty_body_is_ended_without_being_sent(upload: Upload) -> None:
    service = Service()
    upload.attach(service)
    upload.end()
    assert (service.pieces, service.trailers) == ([], NO_FIELDS)


class Hearer:
    """Who hears what a body says."""

    def __init__(self) -> None:
        self.said = b""
        self.ends = 0

    def heard(self, data: bytes) -> None:
        self.said += data

    def heard_all(self) -> None:
        self.ends += 1


def test_who_listens_hears_what_has_come_and_what_comes_whoever_takes_it(upload: Upload) -> None:
    hearer, service = Hearer(), Service()
    upload.feed(b"one")
    upload.listen(hearer)
    upload.feed(b"two")
    upload.attach(service)
    upload.feed(b"three")
    upload.detach()
    upload.end()
    assert (hearer.said, hearer.ends) == (b"onetwothree", 1)
    late = Hearer()
    upload.listen(late)
    assert (late.said, late.ends) == (b"onetwothree", 1)


def test_what_is_too_large_has_been_said(client: Client) -> None:
    upload, hearer = Upload(client, limit=4, keep=4), Hearer()
    upload.listen(hearer)
    assert not upload.feed(b"words")
    assert hearer.said == b"words"


def test_a_body_that_is_whole_and_small_is_sent_again_from_its_beginning(upload: Upload) -> None:
    upload.feed(b"one ")
    upload.attach(Service())
    upload.feed(b"two")
    upload.end(TRAILERS)
    upload.detach()
    second = Service()
    upload.attach(second)
    assert (second.body, second.trailers) == (b"one two", TRAILERS)


def test_nothing_is_sent_to_who_was_detached(upload: Upload) -> None:
    service = Service()
    upload.attach(service)
    upload.detach()
    upload.feed(b"late")
    upload.end()
    assert (service.body, service.trailers) == (b"", None)


def test_a_body_is_not_replayable_before_its_end(upload: Upload) -> None:
    upload.feed(b"part")
    assert not upload.replayable


def test_a_body_is_not_replayable_beyond_what_is_kept(upload: Upload) -> None:
    upload.feed(b"x" * 101)
    upload.end()
    assert not upload.replayable


def test_a_body_of_just_what_is_kept_is_replayable(upload: Upload) -> None:
    upload.feed(b"x" * 100)
    upload.end()
    assert upload.replayable


def test_a_body_beyond_its_limit_is_refused(client: Client) -> None:
    upload = Upload(client, limit=3, keep=100)
    upload.feed(b"abc")
    assert not upload.feed(b"d")


def test_a_body_at_its_limit_is_taken(client: Client) -> None:
    upload = Upload(client, limit=3, keep=100)
    assert upload.feed(b"abc")


def test_what_is_refused_goes_nowhere(client: Client) -> None:
    upload = Upload(client, limit=3, keep=100)
    service = Service()
    upload.attach(service)
    upload.feed(b"abcd")
    assert service.body == b""


def test_a_body_of_which_a_part_was_refused_is_not_replayable(client: Client) -> None:
    upload = Upload(client, limit=3, keep=100)
    upload.feed(b"abcd")
    upload.end()
    assert not upload.replayable


def test_a_body_that_grows_between_two_tries_is_sent_from_its_beginning(client: Client) -> None:
    upload = Upload(client, limit=1000, keep=10)
    upload.attach(Service())
    upload.feed(b"a" * 8)
    upload.detach()
    upload.feed(b"b" * 8)
    second = Service()
    upload.attach(second)
    assert second.body == b"a" * 8 + b"b" * 8


def test_a_body_that_outgrew_what_is_kept_is_not_kept_once_it_is_taken(client: Client) -> None:
    upload = Upload(client, limit=1000, keep=10)
    upload.feed(b"a" * 16)
    upload.attach(Service())
    upload.end()
    assert not upload.replayable


def test_a_client_that_nobody_takes_from_is_read_no_further(upload: Upload, client: Client) -> None:
    upload.feed(b"x" * (HIGH_WATER + 1))
    assert not client.is_read


def test_a_client_is_told_once_to_wait(upload: Upload, client: Client) -> None:
    upload.feed(b"x" * (HIGH_WATER + 1))
    upload.feed(b"x")
    assert client.told == 1


def test_a_client_is_read_again_when_somebody_takes_the_body(
    upload: Upload, client: Client
) -> None:
    upload.feed(b"x" * (HIGH_WATER + 1))
    upload.attach(Service())
    assert client.is_read


def test_a_client_goes_on_waiting_for_a_service_that_is_full_at_once(
    upload: Upload, client: Client
) -> None:
    upload.feed(b"x" * (HIGH_WATER + 1))
    upload.attach(FullService(upload))
    assert not client.is_read


def test_a_client_waits_for_a_service_that_its_first_bytes_fill(
    upload: Upload, client: Client
) -> None:
    upload.feed(b"x")
    upload.attach(FullService(upload))
    assert not client.is_read


def test_a_client_goes_on_when_the_service_keeps_up_again(upload: Upload, client: Client) -> None:
    upload.pause()
    upload.resume()
    assert client.is_read


def test_it_says_whether_the_client_waits(upload: Upload) -> None:
    heard = [upload.is_paused]
    upload.pause()
    heard.append(upload.is_paused)
    upload.resume()
    assert [*heard, upload.is_paused] == [False, True, False]


def test_a_client_that_does_not_wait_is_not_told_to_go_on(upload: Upload, client: Client) -> None:
    upload.resume()
    assert client.told == 0


Act: TypeAlias = bytes | Literal["attach", "detach", "end"]
ACTS = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from(["attach", "detach"])), max_size=12
)


def run(acts: list[Act], *, keep: int) -> tuple[Upload, list[Service], bytes, Client]:
    """Let a body come and be taken as the attempt loop does.

    What was begun is sent again only to who gets the whole.
    """
    client = Client()
    upload = Upload(client, limit=1_000_000, keep=keep)
    services: list[Service] = []
    whole = b""
    for act in acts:
        if isinstance(act, bytes):
            whole += act
            assert upload.feed(act)
        elif act == "detach":
            upload.detach()
        elif act == "end":
            upload.end()
        elif upload._kept is not None or not services:
            upload.detach()
            services.append(Service())
            upload.attach(services[-1])
    return upload, services, whole, client


@given(acts=ACTS, rest=ACTS, keep=st.integers(0, 80))
def test_whoever_takes_the_body_gets_it_from_its_beginning_and_in_order(
    acts: list[Act], rest: list[Act], keep: int
) -> None:
    _, services, whole, _ = run([*acts, "attach", *rest], keep=keep)
    assert all(whole.startswith(service.body) for service in services)


@given(acts=ACTS, rest=st.lists(st.binary(max_size=40)), keep=st.integers(0, 80))
def test_the_last_to_take_a_body_that_is_kept_gets_all_of_it(
    acts: list[Act], rest: list[bytes], keep: int
) -> None:
    first = [act for act in acts if act != "attach"]
    _, services, whole, _ = run([*first, "attach", *rest, "end"], keep=keep)
    assert (services[-1].body, services[-1].trailers) == (whole, NO_FIELDS)


@given(acts=ACTS, keep=st.integers(0, 80))
def test_nothing_follows_the_end_of_a_body(acts: list[Act], keep: int) -> None:
    _, services, _, _ = run([*acts, "end", "attach", "attach"], keep=keep)
    assert [service.after_end for service in services] == [0] * len(services)


@given(pieces=st.lists(st.binary(max_size=40)), keep=st.integers(0, 80))
def test_a_body_is_replayable_just_when_it_is_whole_and_small_enough(
    pieces: list[bytes], keep: int
) -> None:
    upload, _, whole, _ = run([*pieces, "end"], keep=keep)
    assert upload.replayable == (len(whole) <= keep)


@given(acts=ACTS, keep=st.integers(0, 80))
def test_a_small_body_never_stops_the_client(acts: list[Act], keep: int) -> None:
    assert run(acts, keep=keep)[3].is_read
