"""What operators write about endpoints that fail."""

import pytest
from pydantic import ValidationError

from tta_gateway.kernel.route import Outliers, Panic
from tta_gateway.settings.fitness import OutliersConfig, PanicConfig


def test_the_defaults_are_those_of_the_words_they_become() -> None:
    assert Outliers(**{**dict(OutliersConfig()), "slow": 0.0}) == Outliers()
    assert Panic(**dict(PanicConfig())) == Panic()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "half"])
def test_a_share_is_a_number_from_nothing_to_all(share: object) -> None:
    with pytest.raises(ValidationError):
        PanicConfig.model_validate({"below": share})


def test_whole_shares_may_be_written_as_whole_numbers() -> None:
    assert PanicConfig.model_validate({"below": 1}).below == 1.0
