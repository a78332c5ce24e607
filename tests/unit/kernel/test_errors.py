from tta_gateway.kernel.errors import ClientFault, ConfigError, ConnectFailed, Full, UpstreamFault
from tta_gateway.kernel.problem import NOT_FOUND, SPINE, UPSTREAM_REFUSED


def test_an_error_says_what_is_particular_about_it() -> None:
    assert str(ClientFault(NOT_FOUND, "no /x here")) == "no /x here"


def test_an_error_without_a_detail_says_what_is_general() -> None:
    assert str(ClientFault(NOT_FOUND)) == NOT_FOUND.title


def test_an_error_carries_its_problem() -> None:
    assert ClientFault(NOT_FOUND, "no /x here").problem is NOT_FOUND


def test_a_failed_connection_is_the_service_s_fault() -> None:
    assert isinstance(ConnectFailed(UPSTREAM_REFUSED), UpstreamFault)


def test_what_is_full_says_for_how_long() -> None:
    assert Full(UPSTREAM_REFUSED, seconds=2.5).seconds == 2.5


def test_a_configuration_error_shows_every_complaint() -> None:
    assert str(ConfigError(["first", "second"])) == "first\nsecond"


def test_a_configuration_error_keeps_its_complaints_apart() -> None:
    assert ConfigError(["first", "second"]).complaints == ["first", "second"]


def test_no_two_problems_of_the_spine_share_a_code() -> None:
    codes = [problem.code for problem in SPINE]
    assert len(set(codes)) == len(codes)


def test_every_problem_of_the_spine_is_an_error() -> None:
    assert all(400 <= problem.status <= 599 for problem in SPINE)
