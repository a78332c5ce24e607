"""Complaints: what is wrong with a configuration, and where it stands."""

import pytest

from tta_gateway.settings.complaint import Complaint, Mark, Path, Source, lines, pattern, text


def test_a_complaint_names_file_line_column_and_key() -> None:
    complaint = Complaint(Mark(42, 9), ("routes", 3, "service"), "is missing")
    assert complaint.line("gateway.yaml") == "gateway.yaml:42:9 routes[3].service: is missing"


def test_a_complaint_about_the_whole_file_names_no_key() -> None:
    assert Complaint(Mark(1, 1), (), "is empty").line("a.yaml") == "a.yaml:1:1: is empty"


def test_a_complaint_about_a_variable_names_the_variable() -> None:
    complaint = Complaint(Source("TTA_GATEWAY__ADMIN"), ("admin",), "is wrong")
    assert complaint.line("a.yaml") == "TTA_GATEWAY__ADMIN admin: is wrong"


def test_a_complaint_is_one_line_whatever_it_quotes() -> None:
    assert Complaint(Mark(1, 1), (), "`a\nb\x1b`").line("f") == "f:1:1: `a�b�`"


def test_complaints_stand_in_the_order_of_their_places_each_once() -> None:
    late, early = Complaint(Mark(2, 1), (), "late"), Complaint(Mark(1, 9), (), "early")
    one, other = Complaint(Source("A"), (), "one"), Complaint(Source("B"), (), "other")
    assert lines([other, late, one, early, late], "f") == [
        "f:1:9: early",
        "f:2:1: late",
        "A: one",
        "B: other",
    ]


@pytest.mark.parametrize(
    ("path", "written", "generic"),
    [
        ((), "", ""),
        (("admin",), "admin", "admin"),
        (("services", "a-b", "host"), "services.a-b.host", "services.<name>.host"),
        (("services", "a b", "endpoints", 0), 'services["a b"].endpoints[0]', None),
        (("routes", 3, "headers", "x-a"), "routes[3].headers.x-a", "routes[].headers.<name>"),
    ],
)
def test_a_path_reads_as_operators_write_it(path: Path, written: str, generic: str | None) -> None:
    assert text(path) == written
    assert pattern(path) == (generic if generic is not None else "services.<name>.endpoints[]")
