"""Looking at routes, services and the reference."""

from pathlib import Path

from tests.helpers.command_line import run
from tests.helpers.configuration import PLAYERS, ROUTES


def test_it_is_said_which_route_takes_a_request(file: Path) -> None:
    result = run("routes", "explain", "GET", "/", "--client", "unix", "-c", str(file))
    assert (result.exit_code, result.output.splitlines()[0]) == (0, "route: /")


def test_services_are_asked_of_the_administration_that_is_there(file: Path) -> None:
    result = run("services", "-c", str(file))
    assert (result.exit_code, "does not say: " in result.stderr) == (1, True)
    file.write_text("admin: off\n" + PLAYERS + ROUTES)
    result = run("services", "-c", str(file))
    assert (result.exit_code, "`admin` is off" in result.stderr) == (1, True)


def test_pages_that_are_out_of_date_are_named_and_written(tmp_path: Path) -> None:
    into = ("--into", str(tmp_path / "pages"))
    result = run("docs", "--check", *into)
    assert (result.exit_code, "out of date" in result.stderr) == (1, True)
    assert run("docs", *into).exit_code == 0
    assert run("docs", "--check", *into).exit_code == 0
