"""What an operator may write about the gateway's own errors."""

import pytest
from pydantic import ValidationError

from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.config import ProblemConfig, compile


def test_nothing_written_is_the_worker_s_default() -> None:
    assert compile(ProblemConfig()) == ProblemBound()


@pytest.mark.parametrize(
    "base", ["https://errors.example/", "https://a.example/errors#", "urn:problem:", "about:blank"]
)
def test_the_base_is_what_a_code_can_follow(base: str) -> None:
    assert compile(ProblemConfig(base=base, message=True)) == ProblemBound(base=base, message=True)


@pytest.mark.parametrize("base", ["", "errors/", "https://errors.example", "https://a b/", "a:<>/"])
def test_what_a_code_cannot_follow_is_refused(base: str) -> None:
    with pytest.raises(ValidationError, match="is not the beginning of a URI"):
        ProblemConfig(base=base)
