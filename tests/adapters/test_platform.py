"""The catalogue: what is packaged, what a platform adds, and what a bad file is called."""

from dataclasses import replace
from pathlib import Path

import pytest

from linnet.adapters.platform import platform
from linnet.settings import BadSettingError, Settings, read


def settings(folder: Path | None) -> Settings:
    return replace(read({"LINNET_LEADER_ELECTION": "false"}), runtimes_dir=str(folder) if folder else None)


def test_the_packaged_catalogue_is_there() -> None:
    """A Model of twelve lines needs a server that nobody has to name."""
    assert "mlserver" in platform(settings(None)).catalogue.entries


def test_a_platforms_file_overrides_fields_of_the_same_name(tmp_path: Path) -> None:
    """An image of one's own registry is one line of Helm values."""
    (tmp_path / "mlserver.yaml").write_text("{name: mlserver, image: registry.example/mlserver:2}")
    (tmp_path / "..data").write_text("the kubelet's own")
    entry = platform(settings(tmp_path)).catalogue.entries["mlserver"]
    assert entry.image == "registry.example/mlserver:2"
    assert entry.ports.http == platform(settings(None)).catalogue.entries["mlserver"].ports.http


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{image: x}", "it has no name"),
        ("{name: mine}", "formats: field required"),
        ("{name: mlserver, protocol: v9}", "protocol: input should be 'v2'"),
        ("{", "is no YAML"),
        ("", "it has no name"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    """The operator does not start with half a catalogue."""
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(BadSettingError) as caught:
        platform(settings(tmp_path))
    assert str(caught.value).startswith(f"LINNET_RUNTIMES_DIR: {tmp_path}/bad.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A typo in a mount path."""
    with pytest.raises(BadSettingError, match="is not a folder: create it, or unset the variable"):
        platform(settings(tmp_path / "none"))


def asking(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "prometheus.yaml"
    file.write_text(text)
    return replace(settings(None), prometheus_file=str(file))


def test_the_named_queries_are_there(tmp_path: Path) -> None:
    """Where the platform has a server; nothing is asked otherwise."""
    made = platform(asking(tmp_path, "{url: 'http://p:9090', queries: {up: 'sum(up)'}}")).prometheus
    assert made is not None
    assert dict(made.queries) == {"up": "sum(up)"}
    assert platform(settings(None)).prometheus is None


def test_spaces_around_a_header_are_no_part_of_it(tmp_path: Path) -> None:
    """A client that sends them is refused by some, and no query would ever be answered."""
    made = platform(asking(tmp_path, "{url: 'http://p', headers: {X-Scope-OrgID: ' team '}, queries: {}}")).prometheus
    assert made is not None
    assert made.headers == {"X-Scope-OrgID": "team"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{queries: {}}", "url: field required"),
        ("{url: 'ftp://p'}", "url: string should match pattern"),
        ("{url: 'http://user:password@p'}", "url: string should match pattern"),
        ("{url: 'http://p', headers: {authorization: x}}", "headers: authorization can't be set: a token comes from"),
        ("{url: 'http://p', timeout: 1h}", "timeout: from 1s to 30s"),
        ("{url: 'http://p', scrapeInterval: 10ms}", "scrapeInterval: from 1s to 5m"),
        ("{url: 'http://p', queries: {Up: x}}", "queries.Up"),
        ("{url: 'http://p', queries: {up: 'up{{{pod}}}'}}", "queries.up: "),
        ("{", "can't be read"),
    ],
)
def test_a_bad_prometheus_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    """At the start, in one line, before a rollout depends on it."""
    with pytest.raises(BadSettingError) as caught:
        platform(asking(tmp_path, text))
    assert str(caught.value).startswith(f"LINNET_PROMETHEUS_FILE: {tmp_path}/prometheus.yaml")
    assert said.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)
    assert "password" not in str(caught.value)


def calling(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "hooks.yaml"
    file.write_text(text)
    return replace(settings(None), hooks_file=str(file))


def test_the_endpoints_are_there(tmp_path: Path) -> None:
    """Where the platform named some; nothing is sent otherwise."""
    made = platform(calling(tmp_path, "{endpoints: [{name: desk, url: 'http://d'}], events: {endpoint: desk}}")).hooks
    assert made is not None
    assert made.by_name["desk"].url == "http://d"
    assert platform(settings(None)).hooks is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{endpoints: []}", "endpoints: list should have at least 1 item"),
        ("{endpoints: [{name: d, url: 'http://user:password@d'}]}", "endpoints.0.url: string should match pattern"),
        ("{endpoints: [{name: d, url: 'http://d?token=password'}]}", "endpoints.0.url: string should match pattern"),
        ("{endpoints: [{name: d, url: 'file:///etc'}]}", "endpoints.0.url: string should match pattern"),
        ("{endpoints: [{name: d, url: 'http://d', timeout: 1h}]}", "timeout: from 1s to 30s"),
        ("{endpoints: [{name: d, url: 'http://d'}, {name: d, url: 'http://e'}]}", "endpoints: d is there twice"),
        ("{endpoints: [{name: d, url: 'http://d'}], events: {endpoint: e}}", "there is no endpoint e: there are d"),
        ("{", "can't be read"),
    ],
)
def test_a_bad_hooks_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    """At the start, in one line, before a rollout depends on it."""
    with pytest.raises(BadSettingError) as caught:
        platform(calling(tmp_path, text))
    assert str(caught.value).startswith(f"LINNET_HOOKS_FILE: {tmp_path}/hooks.yaml")
    assert said.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)
    assert "password" not in str(caught.value)


def test_a_missing_prometheus_file_is_named(tmp_path: Path) -> None:
    """A typo in a mount path."""
    with pytest.raises(BadSettingError, match=r"LINNET_PROMETHEUS_FILE: .* can't be read"):
        platform(replace(settings(None), prometheus_file=str(tmp_path / "none.yaml")))
