"""The server's container, as a version and a place ask for it."""

from linnet.api.parts.pod import EnvVar, ServingPodSettings
from linnet.api.parts.runtime import FrozenRuntime, RuntimePorts
from linnet.core.serving.server import server_container


def test_a_variable_of_the_place_takes_the_place_of_the_versions() -> None:
    """A name that is there twice would be refused by the next server-side apply, and the rollout would hang."""
    runtime = FrozenRuntime(
        name="mlserver",
        image="mlserver:1",
        ports=RuntimePorts(http=8080),
        ready_path="/ready",
        env=[EnvVar(name="THREADS", value="1"), EnvVar(name="HOME", value="/tmp")],
    )
    place = ServingPodSettings(env=[EnvVar(name="THREADS", value="4")])
    container = server_container(runtime, place, [])
    assert container["env"] == [{"name": "THREADS", "value": "4"}, {"name": "HOME", "value": "/tmp"}]
