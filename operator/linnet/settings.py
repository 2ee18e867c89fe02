"""The settings are what the platform configured by the environment, which nothing else reads."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from linnet.api.parts.base import parse_duration

T = TypeVar("T", int, float)
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")


class BadSettingError(ValueError):
    """A setting can't be used: the message is one line with the variable, its value, and the way out."""


@dataclass(frozen=True)
class Settings:
    """`docs/reference/settings.md` describes each variable."""

    image: str
    runtimes_dir: str | None
    prometheus_file: str | None
    hooks_file: str | None
    policies_dir: str | None
    require_digest: bool
    deny_egress: bool
    image_pull_policy: str
    session_gateways: frozenset[str]
    namespaces: tuple[str, ...]
    pod_namespace: str
    pod_name: str
    http_port: int
    metrics_names: bool
    log_level: str
    workers: int
    resync: timedelta
    requests_kept: int
    requests_age: timedelta
    leader_election: bool
    lease_name: str
    lease_seconds: int
    lease_renew_seconds: float
    lease_retry_seconds: float
    kubeconfig: str | None


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the environment. BadSettingError names the first variable that is wrong."""
    env = _Environment(os.environ if environment is None else environment)
    settings = Settings(
        image=env.text("LINNET_IMAGE", "docker.io/linnet/linnet:latest"),
        runtimes_dir=env.text("LINNET_RUNTIMES_DIR") or None,
        prometheus_file=env.text("LINNET_PROMETHEUS_FILE") or None,
        hooks_file=env.text("LINNET_HOOKS_FILE") or None,
        policies_dir=env.text("LINNET_POLICIES_DIR") or None,
        require_digest=env.flag("LINNET_REQUIRE_DIGEST", default=False),
        deny_egress=env.flag("LINNET_DENY_EGRESS", default=True),
        image_pull_policy=env.one_of("LINNET_IMAGE_PULL_POLICY", _PULL_POLICIES, "IfNotPresent"),
        session_gateways=frozenset(env.names("LINNET_SESSION_GATEWAYS")),
        namespaces=env.names("LINNET_WATCH_NAMESPACES"),
        pod_namespace=env.text("POD_NAMESPACE"),
        pod_name=env.text("POD_NAME") or f"{env.text('HOSTNAME', 'linnet')}-{os.getpid()}",
        http_port=int(env.number("LINNET_HTTP_PORT", 8080, 0, 65535)),
        metrics_names=env.flag("LINNET_METRICS_NAMES", default=True),
        log_level=env.one_of("LINNET_LOG_LEVEL", _LEVELS, "INFO"),
        workers=int(env.number("LINNET_WORKERS", 8, 1, 256)),
        resync=env.duration("LINNET_RESYNC", timedelta(minutes=5), at_least=timedelta(seconds=1)),
        requests_kept=int(env.number("LINNET_REQUESTS_KEPT", 1000, 0, 100_000)),
        requests_age=env.duration("LINNET_REQUESTS_AGE", timedelta(days=90), at_least=timedelta(hours=1)),
        leader_election=env.flag("LINNET_LEADER_ELECTION", default=True),
        lease_name=env.text("LINNET_LEASE_NAME", "linnet"),
        lease_seconds=int(env.number("LINNET_LEASE_SECONDS", 15, 2, 3600)),
        lease_renew_seconds=env.number("LINNET_LEASE_RENEW_SECONDS", 10.0, 1, 3600),
        lease_retry_seconds=env.number("LINNET_LEASE_RETRY_SECONDS", 2.0, 1, 3600),
        kubeconfig=env.text("KUBECONFIG") or None,
    )
    _check_lease(settings)
    return settings


def _check_lease(settings: Settings) -> None:
    """Check the election's own conditions: a lease must outlast its renewal, and that several tries."""
    if not settings.leader_election:
        return
    if not settings.pod_namespace:
        raise BadSettingError(
            "POD_NAMESPACE is empty: set it to the namespace of the Lease, or LINNET_LEADER_ELECTION=false "
            "where only one operator runs"
        )
    if settings.lease_seconds <= settings.lease_renew_seconds:
        raise BadSettingError(
            f"LINNET_LEASE_SECONDS={settings.lease_seconds:g} must be more than "
            f"LINNET_LEASE_RENEW_SECONDS={settings.lease_renew_seconds:g}"
        )
    if settings.lease_renew_seconds <= 1.2 * settings.lease_retry_seconds:
        raise BadSettingError(
            f"LINNET_LEASE_RENEW_SECONDS={settings.lease_renew_seconds:g} must be more than 1.2 times "
            f"LINNET_LEASE_RETRY_SECONDS={settings.lease_retry_seconds:g}"
        )


@dataclass(frozen=True)
class _Environment:
    """Variables are read by type; an empty one counts as unset."""

    values: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, "").strip() or default

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.text(name).lower()
        if value and value not in _TRUE | _FALSE:
            raise BadSettingError(f"{name}={value!r} is neither true nor false")
        return value in _TRUE if value else default

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        found = next((a for a in allowed if a.lower() == value.lower()), None)
        if found is None:
            raise BadSettingError(f"{name}={value!r} is not one of {', '.join(allowed)}")
        return found

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.strip() for part in self.text(name).split(",") if part.strip()))

    def number(self, name: str, default: T, least: int, most: int) -> T:
        """Return a number of the default's type; BadSettingError where it is none or out of bounds."""
        value = self.text(name)
        try:
            number = type(default)(value) if value else default
        except ValueError:
            raise BadSettingError(f"{name}={value!r} is not a number: give one from {least} to {most}") from None
        if not least <= number <= most:
            raise BadSettingError(f"{name}={value} is out of bounds: give a number from {least} to {most}")
        return number

    def duration(self, name: str, default: timedelta, *, at_least: timedelta) -> timedelta:
        value = self.text(name)
        try:
            found = parse_duration(value) if value else default
        except ValueError:
            raise BadSettingError(f"{name}={value!r} is not a duration: write one such as 30s, 5m or 1h30m") from None
        if found < at_least:
            raise BadSettingError(f"{name}={value} is too short: at least {at_least.total_seconds():g}s")
        return found
