"""Changes that need two people, from the command line."""

from pathlib import Path

import pytest

from tests.helpers.command_line import Administration, Told, run

CHANGE: Told = {
    "id": "7",
    "state": "proposed",
    "decided_by": "",
    "summary": "ada: therapist",
    "proposed_by": "bob",
    "until": "friday",
    "reason": "she starts",
}


def test_a_change_is_proposed_with_a_token_of_ones_own(
    file: Path, administration: Administration
) -> None:
    administration.says(CHANGE)
    words = ("propose", "ada", "--grant", "therapist", "--reason", "she starts")
    result = run("changes", *words, "-c", str(file), TTA_GATEWAY_TOKEN=" mine ")
    assert result.output == (
        "7  proposed  ada: therapist  proposed by bob, until friday: she starts\n"
    )
    change = {"user": "ada", "grant": ("therapist",)}
    body = {"kind": "roles", "change": change, "reason": "she starts"}
    assert administration.asked == [("POST", "/admin/v1/changes", body)]
    assert administration.tokens == {"mine"}


@pytest.mark.parametrize("step", ["approve", "reject", "withdraw"])
def test_a_change_is_decided(file: Path, administration: Administration, step: str) -> None:
    administration.says({**CHANGE, "decided_by": "eve"})
    result = run("changes", step, "7", "--note", "yes", "--token", "t", "-c", str(file))
    assert "  by eve  " in result.output
    assert administration.asked == [("POST", f"/admin/v1/changes/7/{step}", {"note": "yes"})]


def test_every_change_is_a_line(file: Path, administration: Administration) -> None:
    administration.says({"changes": [CHANGE, CHANGE]})
    assert len(run("changes", "list", "-c", str(file)).output.splitlines()) == 2
