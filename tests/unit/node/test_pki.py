"""The files of a development authority: whose they are, and that nothing is overwritten."""

from datetime import timedelta
from pathlib import Path

import pytest

from tta_gateway.node.pki import PkiError, id_of, init, issue_to, shown
from tta_gateway.support.authority import Wanted

NOW = 1_800_000_000.0
DAYS = timedelta(days=30)
PLAYERS = Wanted("spiffe://tta/players", names=("localhost",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An authority."""
    init(tmp_path / "pki", "tta", now=NOW, lasts=DAYS)
    return tmp_path / "pki"


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_keys_are_for_their_owner_alone(folder: Path) -> None:
    made = issue_to(folder, folder, PLAYERS, name="players", now=NOW)
    assert [one.name for one in made] == ["players.pem", "players.key"]
    assert mode(folder) == 0o700
    assert [mode(folder / one) for one in ("ca.key", "players.key")] == [0o600, 0o600]


def test_nothing_is_overwritten(folder: Path) -> None:
    before = (folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes()
    with pytest.raises(PkiError, match="is not overwritten"):
        init(folder, "other", now=NOW, lasts=DAYS)
    issue_to(folder, folder, PLAYERS, name="players", now=NOW)
    with pytest.raises(PkiError, match="is not overwritten"):
        issue_to(folder, folder, PLAYERS, name="players", now=NOW)
    assert ((folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes()) == before


def test_not_even_what_a_link_leads_to(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / "ca.key").symlink_to(target)
    with pytest.raises(PkiError, match="is not overwritten"):
        init(tmp_path / "pki", "tta", now=NOW, lasts=DAYS)
    assert not target.exists()


def test_a_renewed_certificate_is_for_the_same_key(folder: Path) -> None:
    issue_to(folder, folder, PLAYERS, name="players", now=NOW)
    before = (folder / "players.pem").read_bytes(), (folder / "players.key").read_bytes()
    made = issue_to(folder, folder, PLAYERS, name="players", now=NOW + 9, renew=True)
    after = (folder / "players.pem").read_bytes(), (folder / "players.key").read_bytes()
    assert [one.name for one in made] == ["players.pem"]
    assert after[1] == before[1]
    assert after[0] != before[0]
    assert sorted(one.name for one in folder.iterdir()) == [
        *("ca.key", "ca.pem", "players.key", "players.pem")
    ]


def test_what_cannot_be_is_said_in_words(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PkiError, match="is not a trust domain"):
        init(tmp_path / "x", "TTA", now=NOW, lasts=DAYS)
    assert not (tmp_path / "x").exists()
    with pytest.raises(PkiError, match="pki init"):
        id_of(tmp_path / "x", "players")
    with pytest.raises(PkiError, match="cannot be read"):
        issue_to(folder, folder, PLAYERS, name="players", now=NOW, renew=True)
    with pytest.raises(PkiError, match="not a name for development"):
        issue_to(folder, folder, Wanted("spiffe://tta/x", ("a.com",)), name="x", now=NOW)
    with pytest.raises(PkiError, match="cannot be written"):
        issue_to(folder, folder, PLAYERS, name="no/where", now=NOW)
    assert id_of(folder, "players") == "spiffe://tta/players"


def test_an_authority_of_somebody_elses_names_no_domain(folder: Path) -> None:
    issue_to(folder, folder, PLAYERS, name="players", now=NOW)
    (folder / "players.pem").rename(folder / "ca.pem")
    with pytest.raises(PkiError, match="trust domain"):
        id_of(folder, "players")


def test_certificates_are_shown(folder: Path, tmp_path: Path) -> None:
    issue_to(folder, folder, PLAYERS, name="players", now=NOW)
    text = "\n".join(shown(folder / "players.pem"))
    assert "names    spiffe://tta/players\n" in text
    assert "names    localhost\n" in text
    assert "proves   spiffe://tta/players\n" in text
    assert "2027-01-15 08:00 UTC" not in text
    assert "proves   no service" in "\n".join(shown(folder / "ca.pem"))
    with pytest.raises(PkiError, match="holds no certificate"):
        list(shown(folder / "players.key"))
    with pytest.raises(PkiError, match="cannot be read"):
        list(shown(tmp_path / "x"))


def test_a_certificate_without_names_is_shown_too(tmp_path: Path) -> None:
    from tests.helpers.svids import Authority

    file = tmp_path / "one.pem"
    file.write_bytes(Authority().pem)
    assert "names" not in "\n".join(shown(file)).replace("subjectAltName", "")
