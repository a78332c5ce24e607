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


def test_as_many_workers_serve_as_are_asked_for() -> None:
    assert loaded("workers: 3\n").settings.workers == 3
    assert complaints("workers: 0\n") == ["gateway.yaml:1:1 workers: must be at least 1, not `0`"]


def test_the_probe_can_be_off() -> None:
    assert loaded("probe: off\n").settings.probe is None
    assert str(loaded("").settings.probe) == "127.0.0.1:8082"


def test_there_is_at_least_one_route() -> None:
    assert complaints("routes: []") == ["gateway.yaml:1:1 routes: holds too few: write at least 1"]


def test_settings_do_not_change() -> None:
    assert loaded("").settings.model_config.get("frozen") is True
