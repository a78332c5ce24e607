"""Who is kept out, from the command line."""

from pathlib import Path

from tests.helpers.command_line import Administration, run


def test_who_is_kept_out_and_suspected_is_listed(
    file: Path, administration: Administration
) -> None:
    found = {"source": "192.0.2.7", "until": 0.0, "strikes": 2, "cause": "25 malformed", "by": ""}
    by_hand = {**found, "source": "192.0.2.0/24", "by": "admin", "cause": "asked to"}
    suspect = {"source": "192.0.2.9", "score": 42.0, "cause": "9 scanning"}
    administration.says({"blocks": [found, by_hand], "suspects": [suspect]})
    assert run("shield", "list", "-c", str(file)).output.splitlines() == [
        "blocked  192.0.2.7  until 1970-01-01T00:00:00Z  time 2  25 malformed",
        "blocked  192.0.2.0/24  until 1970-01-01T00:00:00Z  by admin  asked to",
        "suspect  192.0.2.9  score 42  9 scanning",
    ]


def test_where_nobody_is_that_is_said(file: Path, administration: Administration) -> None:
    administration.says({"blocks": [], "suspects": []})
    said = run("shield", "list", "-c", str(file)).output
    assert said == "nobody is kept out or suspected\n"


def test_somebody_is_kept_out(file: Path, administration: Administration) -> None:
    administration.says({"source": "192.0.2.7"})
    said = run("shield", "block", "192.0.2.7", "--reason", "a", "--minutes", "2", "-c", str(file))
    assert said.output == "192.0.2.7 is kept out for 2 minutes\n"
    body = {"source": "192.0.2.7", "lasts": 120.0, "reason": "a"}
    assert administration.asked == [("POST", "/admin/v1/shield/blocks", body)]


def test_it_is_said_what_the_database_has_not_been_told_and_has_not_told(
    file: Path, administration: Administration
) -> None:
    administration.says({"source": "192.0.2.7", "kept": False})
    said = run("shield", "block", "192.0.2.7", "--reason", "a", "-c", str(file))
    assert said.stdout == "192.0.2.7 is kept out for 60 minutes\n"
    assert "until then a full stop of the gateway forgets it" in said.stderr
    administration.says({"blocks": [], "suspects": [], "read": False})
    said = run("shield", "list", "-c", str(file))
    assert said.stdout == ""
    assert "whom administrators kept out before the last start is not known yet" in said.stderr


def test_somebody_is_let_in(file: Path, administration: Administration) -> None:
    for was, word in ((True, "is let in again"), (False, "was not kept out")):
        administration.says({"source": "192.0.2.7", "was_blocked": was})
        assert run("shield", "unblock", "192.0.2.7", "-c", str(file)).output == (
            f"192.0.2.7 {word}\n"
        )
    assert administration.asked[0][:2] == ("DELETE", "/admin/v1/shield/blocks?source=192.0.2.7")
