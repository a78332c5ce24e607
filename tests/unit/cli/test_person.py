"""What is kept of a person, from the command line."""

from pathlib import Path

from tests.helpers.command_line import Administration, Told, run

ERASED: Told = {
    "id": "7",
    "person": "clinic/ada",
    "reason": "asked for by her",
    "by": "eve",
    "at": "today",
    "here": True,
    "waits": [],
}
UNDONE: Told = {**ERASED, "here": False, "waits": ["database", "store"]}


def test_a_person_is_erased_with_a_reason(file: Path, administration: Administration) -> None:
    administration.says(ERASED)
    result = run("person", "erase", "clinic/ada", "--reason", "asked for by her", "-c", str(file))
    assert result.output == "7  clinic/ada  done here; other nodes follow\n"
    body = {"person": "clinic/ada", "reason": "asked for by her"}
    assert administration.asked == [("POST", "/admin/v1/erasures", body)]


def test_it_is_said_where_this_node_has_not_done_it_yet(
    file: Path, administration: Administration
) -> None:
    administration.says(UNDONE)
    result = run("person", "erase", "clinic/ada", "--reason", "asked for by her", "-c", str(file))
    assert "not done here yet, is tried again (database, Valkey): see the log" in result.output


def test_who_was_erased_is_shown(file: Path, administration: Administration) -> None:
    administration.says({"erasures": [ERASED, UNDONE]})
    first, second = run("person", "erased", "-c", str(file)).output.splitlines()
    assert first == "today  clinic/ada  by eve: asked for by her"
    assert second.endswith("not done here yet, is tried again (database, Valkey)")
