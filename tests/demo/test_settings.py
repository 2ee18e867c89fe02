"""Which cluster the demo plays on, and what it asks for if that is not its own."""

from pathlib import Path

import pytest
from demo.episodes.acts import possible
from demo.place import EXAMPLES, Examples
from demo.settings import Front, Images, Place, SettingsError, Store, embedded, embedded_front, settings

ELSEWHERE = {
    "KUBECONFIG": "/tmp/kind",
    "DEMO_IMAGES": "linnet=r.example/linnet:1, mlserver=r.example/mlserver:1",
    "AWS_ENDPOINT_URL": "http://s3:9000",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
}


def test_without_a_kubeconfig_the_embedded_cluster_is_used() -> None:
    """`make demo` needs nothing."""
    assert settings([], {}).place is None


def test_another_cluster_needs_images_and_a_store() -> None:
    """A forgotten KUBECONFIG must not install anything: the message names what is missing and the way back."""
    with pytest.raises(SettingsError, match=r"Missing: DEMO_IMAGES, AWS_END(.*\n)+.*env -u KUBECONFIG"):
        settings([], {"KUBECONFIG": "/tmp/production"})


def test_another_cluster() -> None:
    """From the environment, or by the flag."""
    place = settings(["--kubeconfig", "/tmp/mine"], ELSEWHERE).place
    assert place is not None
    assert (place.kubeconfig, place.images) == (Path("/tmp/mine"), Images("r.example/linnet:1", "r.example/mlserver:1"))


def test_another_cluster_may_have_a_gateway() -> None:
    """Its listener has the port that clients reach it at; without one its episodes are left out."""
    place = settings([], {**ELSEWHERE, "DEMO_GATEWAY": "envoy,10.0.0.7:80"}).place
    assert place is not None
    assert place.front is not None
    assert place.front.manifest["spec"]["listeners"] == [{"name": "http", "protocol": "HTTP", "port": 80}]
    assert not any(expected.gateway for expected in possible(gateway=False))


@pytest.mark.parametrize("text", ["envoy", "envoy,10.0.0.7", ",10.0.0.7:80"])
def test_a_gateway_without_a_port_is_refused(text: str) -> None:
    """With the form that it should have."""
    with pytest.raises(SettingsError, match="is not <GatewayClass>,<host>:<port>"):
        settings([], {**ELSEWHERE, "DEMO_GATEWAY": text})


def test_the_store_s_secret_allows_no_more_than_the_demo_needs() -> None:
    """The prefix binds the fetcher; plain HTTP is allowed only where the endpoint is."""
    secret = Store("https://s3.example", "a", "b", bucket="mine").secret()
    assert secret["allowedPrefix"] == "s3://mine/tumor-risk"
    assert secret["AWS_ALLOW_HTTP"] == "false"


def test_the_embedded_cluster_tells_where_it_is() -> None:
    """What `cluster.py env`, `cluster.py images` and `cluster.py gateway` print."""
    about = (
        '{"kubeconfig": "/k", "bin": "/b", "s3": {"endpoint": "http://s", "bucket": "models", "region": "eu", '
        '"access_key": "a", "secret_key": "b"}}'
    )
    entry = '{"class": "traefik", "http": "10.0.0.1:7080", "grpc": "10.0.0.1:7081"}'
    place = embedded(about, '{"linnet": "l:1", "mlserver": "m:1"}')
    store, front = Store("http://s", "a", "b", "eu", "models"), Front("traefik", "10.0.0.1:7080")
    assert place == Place(Path("/k"), Images("l:1", "m:1"), store, Path("/b"))
    assert embedded_front(entry) == front


def test_the_manifests_get_this_place_s_image_and_bucket() -> None:
    """No placeholder is left in anything that is applied."""
    place = Place(Path("/k"), Images("l:1", "m:1"), Store("http://s", "a", "b", bucket="mine"))
    texts = [Examples(place)(path.stem) for path in EXAMPLES.glob("*.yaml")]
    assert len(texts) >= 8
    assert not [t for t in texts if "registry.example" in t or "s3://models" in t]
