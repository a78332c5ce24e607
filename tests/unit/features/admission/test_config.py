import msgspec

from tests.helpers.configuration import complaints, loaded, route
from tta_gateway.features.admission.bound import AdmissionBound, RouteAdmission
from tta_gateway.features.admission.config import compile
from tta_gateway.settings.compile import compile_snapshot


def test_what_nobody_writes_is_what_workers_assume() -> None:
    assert compile(loaded("").settings.admission) == AdmissionBound()


def test_all_that_is_written_reaches_the_workers() -> None:
    text = """
        admission:
          enabled: true
          reserved: {crisis: 20, therapeutic: 40, standard: 10, background: 5}
          patience: {crisis: 20s, therapeutic: 5s, standard: 1s, background: 500ms}
          waiting: 10
          least: 3
          administrative_roles: [admin, researcher]
    """
    assert compile(loaded(text).settings.admission) == AdmissionBound(
        enabled=True,
        reserved=(20, 40, 10, 5),
        patience=(20.0, 5.0, 1.0, 0.5),
        waiting=10,
        least=3,
        administrative=("admin", "researcher"),
    )


def test_some_room_must_be_for_everybody() -> None:
    assert complaints("admission: {reserved: {therapeutic: 80}}\n") == [
        "gateway.yaml:1:13 admission.reserved: keeps 95 per cent in all: write 90 at most, so that "
        "there is room that any class can have"
    ]


def test_a_route_says_its_class() -> None:
    snapshot = compile_snapshot(loaded(route("class: crisis")).settings, version=1)
    raw = snapshot.routes[0].features["admission"]
    assert msgspec.msgpack.decode(raw, type=RouteAdmission).traffic == "crisis"


def test_what_is_no_class_is_refused_with_those_there_are() -> None:
    (complaint,) = complaints(route("class: urgent"))
    assert complaint.endswith(
        "routes[0].class: must be one of `crisis`, `therapeutic`, `standard`, `background`, not "
        "the text `urgent`"
    )
