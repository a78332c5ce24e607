"""The database, as operators write it."""

from pathlib import Path

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.database import unusable
from tta_gateway.settings.show import show
from tta_gateway.support.sql.url import DatabaseUrl

WORD = "kanarie"
NEAR = f"postgresql://me:{WORD}@127.0.0.1/clinic"
FAR = f"postgresql://me:{WORD}@db.example.org/clinic"


def test_without_one_it_is_the_state_folder_s() -> None:
    assert compile_snapshot(loaded("").settings, 1).database is None


def test_one_that_is_named_is_in_the_snapshot_and_its_password_is_not_shown() -> None:
    found = loaded(f"database_url: {NEAR}\n")
    made = compile_snapshot(found.settings, 1).database
    assert made == DatabaseUrl(
        host="127.0.0.1", user="me", password=WORD, name="clinic", encrypted=False
    )
    assert WORD not in show(found.settings, found.document)
    assert WORD not in repr(made)


def test_one_far_away_is_known_by_authorities_that_were_read() -> None:
    golden = Path(__file__).parents[2] / "golden" / "settings" / "ca.pem"
    made = compile_snapshot(loaded(f"database_url: {FAR}?ca={golden}\n").settings, 1).database
    assert made is not None
    assert made.authorities.strip() == golden.read_bytes().strip()


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("mysql://a:kanarie@b/c", "must begin with `postgresql://`"),
        (f"{FAR}?ca=/nowhere.pem", "names a `ca` that is no good"),
        ("7", "must begin with"),
    ],
)
def test_what_is_none_is_refused_without_its_password(written: str, why: str) -> None:
    (complaint,) = complaints(f"database_url: {written}\n")
    assert complaint.startswith("gateway.yaml:1:1 database_url: ")
    assert why in complaint
    assert WORD not in complaint


def test_without_its_driver_it_is_refused() -> None:
    found = loaded(f"database_url: {NEAR}\n").settings.database_url
    assert "pip install" in unusable(found, "no_such_driver")
