"""The tree: the defaults of the architecture, and what is not built yet."""

from tests.helpers.configuration import complaints, loaded
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.settings.tree import ClientTimeoutsConfig, ConnectionsConfig, LimitsConfig
from tta_gateway.wire.limits import Limits


def test_the_defaults_are_those_of_the_codec_and_the_edge() -> None:
    limits = Limits()
    assert all(getattr(limits, key) == value for key, value in LimitsConfig())
    assert ClientTimeouts(**dict(ClientTimeoutsConfig())) == ClientTimeouts()
    assert ConnectionLimits(**dict(ConnectionsConfig())) == ConnectionLimits()


def test_the_state_is_kept_beside_the_process() -> None:
    assert loaded("").settings.state_dir == "./var"


def test_one_worker_serves() -> None:
    assert loaded("workers: 1\n").settings.workers == 1
    assert complaints("workers: 2\n") == [
        "gateway.yaml:1:1 workers: more than one worker is not built yet, and comes with the "
        "supervisor: write 1, or take the line out"
    ]


def test_there_is_at_least_one_route() -> None:
    assert complaints("routes: []") == ["gateway.yaml:1:1 routes: holds too few: write at least 1"]


def test_settings_do_not_change() -> None:
    assert loaded("").settings.model_config.get("frozen") is True
