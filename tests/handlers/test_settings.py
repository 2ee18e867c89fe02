"""Settings: each bad value is one line that names the variable, the value and the way out."""

from datetime import timedelta

import pytest

from linnet.settings import BadSettingError, read

ALONE = {"LINNET_LEADER_ELECTION": "false"}


def test_defaults_need_only_a_namespace_for_the_lease() -> None:
    """Inside a pod the chart gives the namespace; everything else has a default."""
    settings = read({"POD_NAMESPACE": "linnet-system"})
    assert settings.leader_election
    assert (settings.workers, settings.http_port, settings.resync) == (8, 8080, timedelta(minutes=5))
    assert settings.namespaces == ()


def test_namespaces_are_a_list_without_blanks_or_doubles() -> None:
    """`a, b,,a` is two namespaces."""
    assert read({**ALONE, "LINNET_WATCH_NAMESPACES": " a, b,,a"}).namespaces == ("a", "b")


def test_an_empty_variable_is_as_good_as_none() -> None:
    """Helm writes empty strings where a value is not set."""
    settings = read({**ALONE, "LINNET_WORKERS": "", "LINNET_RUNTIMES_DIR": "", "LINNET_LOG_LEVEL": " "})
    assert (settings.workers, settings.runtimes_dir, settings.log_level) == (8, None, "INFO")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LINNET_WORKERS", "many", "LINNET_WORKERS='many' is not a number: give one from 1 to 256"),
        ("LINNET_WORKERS", "0", "LINNET_WORKERS=0 is out of bounds: give a number from 1 to 256"),
        ("LINNET_HTTP_PORT", "99999", "LINNET_HTTP_PORT=99999 is out of bounds: give a number from 0 to 65535"),
        ("LINNET_RESYNC", "soon", "LINNET_RESYNC='soon' is not a duration: write one such as 30s, 5m or 1h30m"),
        ("LINNET_RESYNC", "1ms", "LINNET_RESYNC=1ms is too short: at least 1s"),
        ("LINNET_LOG_LEVEL", "loud", "LINNET_LOG_LEVEL='loud' is not one of DEBUG, INFO, WARNING, ERROR"),
        ("LINNET_REQUIRE_DIGEST", "maybe", "LINNET_REQUIRE_DIGEST='maybe' is neither true nor false"),
    ],
)
def test_a_bad_value_names_itself_and_the_way_out(name: str, value: str, message: str) -> None:
    """Nobody should need the source to mend a typo."""
    with pytest.raises(BadSettingError) as caught:
        read({**ALONE, name: value})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "POD_NAMESPACE"),
        ({"POD_NAMESPACE": "x", "LINNET_LEASE_SECONDS": "10"}, "LINNET_LEASE_RENEW_SECONDS"),
        ({"POD_NAMESPACE": "x", "LINNET_LEASE_RETRY_SECONDS": "9"}, "LINNET_LEASE_RETRY_SECONDS"),
    ],
)
def test_an_impossible_election_is_refused(environment: dict[str, str], named: str) -> None:
    """A lease must have a namespace, outlast its renewal, and leave time for several tries."""
    with pytest.raises(BadSettingError, match=named):
        read(environment)
