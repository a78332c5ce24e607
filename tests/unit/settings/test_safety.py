"""How operators write which routes are looked at, and what help people are given."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded, route
from tta_gateway.features.safety import resources
from tta_gateway.features.safety.bound import (
    ModeratorBound,
    RouteSafety,
    SafetyBound,
    safety_of,
)
from tta_gateway.features.safety.texts import ENGLISH
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.kernel.own import internal
from tta_gateway.settings.compile import compile_snapshot, compiled_routes, secret_files
from tta_gateway.settings.safety import SafetyConfig, compile
from tta_gateway.settings.safety import own as own_route
from tta_gateway.support.signature import new_key, sign

KEY = new_key()
CONTENT = {"edition": "2026-11-26", "regions": {"FR": {"emergency": "112"}}}
THEIRS = RouteSafety(mode="off", helps=False)


def says(written: str) -> RouteSafety:
    (one,) = compiled_routes(loaded(route(written)).settings)
    return safety_of(one)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("retries: 1", RouteSafety()),
        ("class: therapeutic", RouteSafety()),
        ("class: crisis", RouteSafety()),
        ("class: standard", THEIRS),
        ("class: background", THEIRS),
        ("class: standard, safety: off", THEIRS),
        ("class: standard, safety: scan", RouteSafety()),
        ("safety: parallel", RouteSafety(mode="parallel")),
        ("safety: {mode: observe, reason: why}", RouteSafety(mode="observe", reason="why")),
        ("safety: {mode: off, reason: why}", RouteSafety(mode="off", reason="why")),
        ("safety: {region: GB}", RouteSafety(region="GB")),
    ],
)
def test_a_therapeutic_route_is_scanned_unless_it_says_otherwise(
    written: str, found: RouteSafety
) -> None:
    assert says(written) == found


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("safety: off", "safety: nobody would hear of what people in need write"),
        ("safety: {mode: off}", "safety: nobody would hear"),
        ("safety: off, class: crisis", "safety: nobody would hear"),
        ("safety: observe", "`{mode: observe, reason: …}`"),
        ("safety: {mode: observe}", "safety: nobody would hear"),
        (
            "safety: {mode: scan, reason: why}",
            "reason: has no effect unless `mode` is `off` or `observe`",
        ),
        ("safety: {reason: why}", "reason: has no effect unless `mode` is `off` or `observe`"),
        ("safety: maybe", "safety: must be one of `off`, `observe`, `async`"),
        ("safety: {mode: maybe}", "safety.mode: must be one of"),
        ("safety: {mode: maybe, reason: why}", "safety.mode: must be one of"),
        ("safety: {region: gb}", "safety.region"),
        ("safety: {region: ZZ}", "safety.region: there are no help lines for `ZZ`"),
        ("safety: {speed: 1}", "speed"),
    ],
)
def test_what_is_wrong_is_said(written: str, sentence: str) -> None:
    found = complaints(route(written))
    assert len(found) == 1
    assert sentence in found[0]


def test_the_gateway_s_own_routes_help_and_are_not_scanned() -> None:
    made = compile_snapshot(loaded("").settings, 1)
    own = {one.path: safety_of(one) for one in made.routes if one.service == "gateway"}
    drills = own.pop("/v1/drills")  # where nobody's need is said, as theirs would be
    assert (drills.mode, drills.helps) == ("scan", True)
    assert own
    assert {(one.mode, one.helps) for one in own.values()} == {("off", True)}


def test_its_own_routes_for_services_help_nobody() -> None:
    assert not safety_of(own_route(internal("POST", "/internal/v1/a"))).helps


# Of all


def test_nothing_written_is_english_and_the_lines_of_the_package() -> None:
    bound = compile(SafetyConfig())
    assert bound == SafetyBound(
        regions=resources.shipped().regions, edition=resources.shipped().edition
    )


def test_everything_written_reaches_the_worker() -> None:
    german = {**msgspec.structs.asdict(ENGLISH), "high": "Sind Sie gerade sicher?"}
    written = {
        "region": "GB",
        "region_header": "X-Country",
        "region_claim": "country",
        "language": "de",
        "texts": {"de": german},
        "nested": True,
        "largest_answer": "1KiB",
        "cool_down": "1m",
    }
    bound = compile(loaded(f"safety: {json.dumps(written)}\n").settings.safety)
    assert (bound.region, bound.region_field, bound.region_claim) == ("GB", "x-country", "country")
    assert (bound.language, bound.texts["de"].high) == ("de", "Sind Sie gerade sicher?")
    assert (bound.nested, bound.largest, bound.cool_down) == (True, 1024, 60.0)


def test_the_platform_s_profile_has_its_block() -> None:
    assert loaded("profile: tta\n").settings.safety.nested
    assert not loaded("profile: tta\nsafety: {nested: false}\n").settings.safety.nested


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("{region: ZZ}", "safety.region: there are no help lines for `ZZ`"),
        ("{region: uk}", "safety.region"),
        ("{language: de}", "safety.language: there are no texts in `de`"),
        ("{texts: {en: {static: a}}}", "safety.texts.en"),
        ("{texts: {english: {}}}", "safety.texts"),
        ("{cool_down: 0}", "safety.cool_down: must be more than 0"),
        ("{resources: {file: missing.json}}", "cannot be read"),
        ("{resources: {file: missing.json, public_key: x}}", "is no public key of Ed25519"),
        ("{resources: {}}", "safety.resources"),
    ],
)
def test_what_is_wrong_with_help_is_said(written: str, sentence: str) -> None:
    found = complaints(f"safety: {written}\n")
    assert any(sentence in one for one in found), found


def test_a_text_of_danger_names_the_number() -> None:
    german = {**msgspec.structs.asdict(ENGLISH), "danger": "Rufen Sie an."}
    found = complaints(f"safety: {{texts: {{de: {json.dumps(german)}}}}}\n")
    assert [one.partition(": ")[0].split()[-1] for one in found] == ["safety.texts.de.danger"]


# The operator's own lines


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "lines.json"
    signature, _ = sign(resources.canonical(CONTENT), KEY)
    made.write_text(json.dumps({"signed": CONTENT, "signature": signature}))
    return made


def own(file: Path, more: str = "") -> str:
    _, public = sign(b"", KEY)
    return f"safety: {{resources: {{file: {file}, public_key: '{public}'}}{more}}}\n"


def test_an_operator_s_lines_stand_in_place_of_the_package_s(file: Path) -> None:
    settings = loaded(own(file, ", region: FR")).settings
    assert list(compile(settings.safety).regions) == ["FR"]


def test_their_file_is_watched(file: Path) -> None:
    settings = loaded(own(file)).settings
    assert [one.path for one in secret_files(settings)] == [str(file)]
    file.unlink()
    assert secret_files(settings) == ()


def test_a_file_that_was_changed_is_refused_with_its_place(file: Path) -> None:
    file.write_text(file.read_text().replace("112", "113"))
    (found,) = complaints(own(file))
    assert "safety.resources.file" in found
    assert "is not what has been signed" in found


def test_a_file_that_is_too_large_is_not_read(file: Path) -> None:
    file.write_bytes(b" " * (1024 * 1024 + 1))
    (found,) = complaints(own(file))
    assert "is larger than 1MiB" in found


def test_a_file_that_changes_between_check_and_use_is_refused(file: Path) -> None:
    settings = loaded(own(file)).settings
    file.write_text("{}")
    with pytest.raises(ConfigError, match=r"safety\.resources\.file: "):
        compile(settings.safety)


def test_lines_of_the_package_that_somebody_has_changed_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resources, "PINNED", sign(b"", KEY)[1])
    with pytest.raises(ConfigError, match=r"the help lines of the package: resources\.json is not"):
        compile(SafetyConfig())


def test_no_text_leaves_the_gateway_unless_a_moderator_is_named() -> None:
    assert compile(loaded("").settings.safety).moderator is None


def test_a_moderator_has_a_place_and_perhaps_a_key() -> None:
    text = "safety: {moderator: {url: 'https://m/v1', key: {env: KEY}, model: omni, timeout: 2s}}\n"
    found = compile(loaded(text, {"KEY": "kanarie"}).settings.safety).moderator
    assert found == ModeratorBound(url="https://m/v1", key="kanarie", model="omni", timeout=2.0)


def test_what_people_write_is_shown_to_nobody_on_the_way() -> None:
    said = "shows what people write to all on the way"
    assert said in "\n".join(complaints("safety: {moderator: {url: 'http://m/v1'}}\n"))
    assert complaints("safety: {moderator: {url: 'http://127.0.0.1:1/v1'}}\n") == []


TWO = """
services:
  a: {{endpoints: ["http://127.0.0.1:1"]{a}}}
  b: {{endpoints: ["http://127.0.0.1:2"]{b}}}
routes: [{{path: /, service: a, auth: none{more}}}]
"""


def test_services_are_told_who_may_be_at_risk_if_they_ask() -> None:
    settings = loaded(TWO.format(a=", tell_safety: true", b="", more="")).settings
    snapshot = compile_snapshot(settings, 1)
    assert msgspec.msgpack.decode(snapshot.features["safety"], type=SafetyBound).told == ("a",)


@pytest.mark.parametrize("key", ["fallback: b", "mirror: {service: b}"])
def test_who_stands_in_for_another_is_told_what_that_one_is(key: str) -> None:
    asks, more = ", tell_safety: true", f", {key}"
    found = complaints(TWO.format(a=asks, b="", more=more))
    assert "leads to `b`, whose `tell_safety` is not that of `a`" in "\n".join(found)
    assert complaints(TWO.format(a=asks, b=asks, more=more)) == []
    assert complaints(TWO.format(a="", b="", more=more)) == []
