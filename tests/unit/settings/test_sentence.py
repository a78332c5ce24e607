"""Sentences: what pydantic found, in words for operators."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.helpers.configuration import complaints
from tta_gateway.settings.document import Document
from tta_gateway.settings.sentence import described, report


def said(text: str) -> str:
    (line,) = complaints(text + "\n")
    return line.partition(": ")[2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("workerz: 1", "is not a key here: do you mean `workers`?"),
        ("trace: {x: 1}", "is not a key here: none is known"),
        ("<<: {workers: 1}", "a merge key is not read (YAML 1.2 has none): write the keys out"),
        ("state_dir: 1", "must be text, in quotes where YAML takes it for something else, not `1`"),
        ("workers: 1.5", "must be a whole number, not `1.5`"),
        ("workers: 0", "must be at least 1, not `0`"),
        ("access_log: {enabled: off}", "must be `true` or `false`, not the text `off`"),
        ("cors: [a]", "must be a mapping, one `key: value` a line, not a list"),
        ("cors:", "must be a mapping, one `key: value` a line, not empty"),
        ("security_headers: {add: a}", "must be a mapping, one `key: value` a line, not the text"),
        ("cors: {origins: {}}", "must be a list, `- ` before each entry or all of them in `[…]`"),
        ("client_timeouts: {header: 0s}", "must be more than 0, not the text `0s`"),
        ("limits: {fields: 10001}", "must be at most 10000, not `10001`"),
        ("metrics: {buckets: []}", "holds too few: write at least 1"),
        (f"metrics: {{buckets: {list(range(1, 52))}}}", "holds too many: write at most 50"),
        ("profile: true", "must be `tta`, not `true`"),
        ("cors: {methods: [PSOT]}", "must be one of `GET`, `HEAD`, `POST`, `PUT`"),
        ("limits: {head: x}", "must be a size: `64KiB`"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_would_be_right(text: str, sentence: str) -> None:
    assert said(text).startswith(sentence)


def test_a_key_that_is_missing_is_explained() -> None:
    assert complaints("routes: [{service: players, auth: none}]")[0].startswith(
        "gateway.yaml:1:10 routes[0].path: is missing. The paths it takes: "
    )


def test_a_list_whose_members_are_bad_is_not_called_too_short() -> None:
    assert len(complaints("metrics: {buckets: [x]}\n")) == 1


def test_what_a_shorthand_stands_for_is_not_shown() -> None:
    assert complaints("listen: x\n")[0].startswith("gateway.yaml:1:1 listen: must be an address")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "empty"),
        ("a", "the text `a`"),
        ("a" * 61, f"the text `{'a' * 60}…`"),
        ([1], "a list"),
        ({}, "a mapping"),
        (False, "`false`"),
        (1.5, "`1.5`"),
    ],
)
def test_a_value_is_described(value: object, words: str) -> None:
    assert described(value) == words


def test_an_error_that_has_no_sentence_of_ours_keeps_its_own() -> None:
    document = Document({})
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(complex).validate_python("x")
    report(caught.value, document)
    assert [complaint.sentence for complaint in document.complaints] == [
        caught.value.errors()[0]["msg"]
    ]
