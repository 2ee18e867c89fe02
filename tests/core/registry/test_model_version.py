"""A version's validation: started once, read from its pod's containers, and its outcomes in words."""

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from asking import only_answer
from builders import NOW, ModelWorld, VersionWorld
from linnet.api.kinds.model_version import Decision, ModelVersionStatus, Quarantine
from linnet.api.labels import LOADED
from linnet.api.parts.conditions import timestamp
from linnet.core.plan import Apply, Delete, Emit, Log, Patch, Record
from linnet.core.registry.model_version import plan, record, relies_on_status
from linnet.core.resources.objects import SETTLING
from simulator import DIGESTS

Json = dict[str, Any]


def new_version(**source: Any) -> VersionWorld:
    model = ModelWorld()
    if source:
        model.source("s3://models/1", **source)
    model.step()
    return VersionWorld(model.versions[1]["spec"])


def started(world: VersionWorld) -> VersionWorld:
    """The world after the Job was made, and what denies egress to its pods."""
    made = plan(world.observed(), NOW)
    job, *others = (a.manifest for a in made.actions if isinstance(a, Apply))
    world.denied = [o["kind"] for o in others] == ["NetworkPolicy"]
    job["metadata"]["uid"] = "uid-job"
    world.jobs = [job]
    return world.become(made.status)


def pod(world: VersionWorld, **containers: Json) -> Json:
    """A pod of the Job; `fetch={"exitCode": 0, "message": …}` has ended, `server={"restartCount": 3}` runs."""
    names = {"fetch": "initContainerStatuses", "server": "initContainerStatuses", "probe": "containerStatuses"}
    status: Json = {"phase": "Running", "initContainerStatuses": [], "containerStatuses": []}
    for name, state in containers.items():
        ended = {k: v for k, v in state.items() if k in {"exitCode", "message", "reason"}}
        rest = {k: v for k, v in state.items() if k not in ended}
        entry = {"name": name, **({"state": {"terminated": ended}} if "exitCode" in ended else {}), **rest}
        status[names[name]].append(entry)
    owner = {"uid": "uid-job", "controller": True}
    meta = {"name": "p", "uid": "p", "ownerReferences": [owner]}
    return {"metadata": meta, "spec": copy.deepcopy(world.jobs[0]["spec"]["template"]["spec"]), "status": status}


def said(**fields: Any) -> str:
    return json.dumps(fields)


def validated() -> VersionWorld:
    """A version that was fetched and loaded, and whose Job is gone."""
    world = started(new_version())
    world.pods = [pod(world, fetch=FETCHED, probe=PROBED)]
    look(world)
    world.jobs, world.pods = [], []
    return world


FETCHED = {"exitCode": 0, "message": said(outcome="Fetched", digest=DIGESTS[1], bytes=10, files=1)}
PROBED = {"exitCode": 0, "message": said(outcome="Validated", readySeconds=3, cases=0)}


def reason(world: VersionWorld) -> str:
    condition = world.status["conditions"][0]
    return f"{condition['status']}/{condition['reason']}"


def changes(world: VersionWorld) -> list[Apply | Delete | Patch]:
    """What another look would change in the cluster."""
    return [a for a in plan(world.observed(), NOW).actions if isinstance(a, Apply | Delete | Patch)]


def look(world: VersionWorld) -> VersionWorld:
    return world.become(plan(world.observed(), NOW).status)


def test_an_account_must_say_what_it_may_be_used_for() -> None:
    """Without the annotation nothing is started, and the message says who writes it where."""
    world = new_version(credentials={"serviceAccountName": "reader"})
    world.accounts = {"reader": ""}
    assert reason(look(world)) == "False/ServiceAccountNotAllowed"
    assert "linnet.dev/allowed-prefix" in world.status["conditions"][0]["message"]
    world.accounts = {}
    assert "linnet.dev/allow-pods" in look(world).status["conditions"][0]["message"]


def test_an_accounts_identity_is_the_fetchers_alone() -> None:
    """The clouds' webhooks pass over the server and the prober, and the fetcher keeps to the account's prefix."""
    world = new_version(credentials={"serviceAccountName": "reader"})
    world.accounts = {"reader": "s3://models/"}
    template = started(world).jobs[0]["spec"]["template"]
    assert template["metadata"]["annotations"] == {
        "eks.amazonaws.com/skip-containers": "isolate,server,probe",
        "azure.workload.identity/skip-containers": "isolate;server;probe",
    }
    assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert template["spec"]["serviceAccountName"] == "reader"
    arguments = template["spec"]["initContainers"][0]["args"]
    assert arguments[-3:] == ["--identity", "--allowed-prefix", "s3://models/"]


def test_without_an_account_nobody_gets_an_identity() -> None:
    """Not even that of the namespace's default account, which a cloud may have mapped."""
    template = started(new_version()).jobs[0]["spec"]["template"]
    assert template["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"] == "fetch,isolate,server,probe"
    assert "azure.workload.identity/use" not in template["metadata"]["labels"]
    assert "--identity" not in template["spec"]["initContainers"][0]["args"]


def test_a_new_version_is_fetched_and_loaded() -> None:
    """The Job holds fetcher, isolation, the real server and prober, and runs under the restricted profile."""
    made = plan(new_version().observed(), NOW)
    job = next(a.manifest for a in made.actions if isinstance(a, Apply))
    spec = job["spec"]["template"]["spec"]
    assert [c["name"] for c in containers(spec)] == ["fetch", "isolate", "server", "probe"]
    assert spec["automountServiceAccountToken"] is False
    assert all(c["securityContext"]["capabilities"] == {"drop": ["ALL"]} for c in spec["containers"])


def test_success_fixes_the_digest() -> None:
    """What was fetched and loaded is what will serve."""
    world = started(new_version())
    world.pods = [pod(world, fetch=FETCHED, probe=PROBED)]
    look(world)
    assert reason(world) == "True/Validated"
    assert world.status["digest"] == DIGESTS[1]


def test_linnet_json_travels_with_the_artifact() -> None:
    """Metrics and lineage come from the artifact's own record."""
    about = {"metrics": {"auc": 0.991}, "lineage": {"code": "git@3f2c"}}
    message = said(outcome="Fetched", digest=DIGESTS[1], linnet=about)
    world = started(new_version())
    world.pods = [pod(world, fetch={"exitCode": 0, "message": message}, probe=PROBED)]
    look(world)
    assert world.status["metrics"] == {"auc": "0.991"}
    assert world.status["lineage"]["code"] == "git@3f2c"


def test_a_wrong_digest_stops_the_version_for_good() -> None:
    """The condition says which and what to do; nothing is tried again by itself."""
    world = started(new_version(digest=DIGESTS[2]))
    message = said(outcome="Failed", reason="DigestMismatch", message="expected a, found b; set spec.source.digest")
    world.pods = [pod(world, fetch={"exitCode": 2, "message": message})]
    look(world)
    assert reason(world) == "False/DigestMismatch"
    assert "spec.source.digest" in world.status["conditions"][0]["message"]
    world.jobs, world.pods, world.denied = [], [], False
    assert plan(world.observed(), NOW).actions == ()


def test_a_missing_artifact_is_not_found() -> None:
    """A 404 is told as such."""
    world = started(new_version())
    message = said(outcome="Failed", reason="NotFound", message="s3://models/1: nothing there")
    world.pods = [pod(world, fetch={"exitCode": 2, "message": message})]
    assert reason(look(world)) == "False/NotFound"


def test_a_refused_key_is_forbidden() -> None:
    """A 403 is told as such."""
    world = started(new_version())
    message = said(outcome="Failed", reason="Forbidden", message="s3://models/1: access denied")
    world.pods = [pod(world, fetch={"exitCode": 2, "message": message})]
    assert reason(look(world)) == "False/Forbidden"


def test_a_network_failure_is_tried_again() -> None:
    """The Job tries again; the version waits and says why."""
    world = started(new_version())
    message = said(outcome="Failed", reason="Unreachable", message="connection reset")
    world.pods = [pod(world, fetch={"exitCode": 1, "message": message})]
    look(world)
    assert reason(world) == "Unknown/Validating"
    assert "connection reset" in world.status["conditions"][0]["message"]


@pytest.mark.parametrize(
    "message", ["[" * 4000, said(outcome="Fetched", digest="\ud800"), f'{{"bytes": 1{"0" * 3500}}}', ""]
)
def test_what_was_fetched_without_a_report_is_not_validated(message: str) -> None:
    """The server loaded something, and nobody can say what: without a digest there is nothing to hold a version to."""
    world = started(new_version())
    ended = pod(world, fetch={"exitCode": 0, "message": message, "reason": "Completed"}, probe=PROBED)
    ended["status"]["phase"] = "Succeeded"
    world.pods = [ended]
    look(world)
    assert reason(world) == "False/FetchFailed"
    assert "without a report" in world.status["conditions"][0]["message"]
    assert "digest" not in world.status


def test_a_model_that_its_server_cannot_load_fails() -> None:
    """The server's own words are in the condition."""
    world = started(new_version())
    message = said(outcome="Failed", reason="LoadFailed", message="not ready within 10m")
    dead = {"restartCount": 1, "lastState": {"terminated": {"reason": "Error", "message": "KeyError: 'imputer'"}}}
    world.pods = [pod(world, fetch=FETCHED, server=dead, probe={"exitCode": 2, "message": message})]
    look(world)
    assert reason(world) == "False/LoadFailed"
    assert "KeyError" in world.status["conditions"][0]["message"]


def test_a_server_that_dies_while_loading_is_not_waited_for() -> None:
    """Killed for memory again and again: that is an outcome, and the way out is named."""
    world = started(new_version())
    dead = {"restartCount": 3, "lastState": {"terminated": {"reason": "OOMKilled"}}}
    world.pods = [pod(world, fetch=FETCHED, server=dead)]
    look(world)
    assert reason(world) == "False/LoadFailed"
    assert "memory" in world.status["conditions"][0]["message"]


@pytest.mark.parametrize("type_", ["Complete", "Failed"])
def test_a_job_may_end_before_its_pod_is_seen(type_: str) -> None:
    """They are watched apart. Half a minute later the pod is gone, and another Job is made: nobody said anything.

    A Job fails by a drain, by a deadline that somebody set, and by a stranger's pod that its controller adopts, too.
    """
    world = started(new_version())
    world.jobs[0]["status"] = ended(type_)
    assert [a for a in plan(world.observed(), NOW).actions if isinstance(a, Apply)] == []
    assert reason(look(world)) == "Unknown/Validating"
    done = plan(world.observed(), NOW + SETTLING)
    assert [a.manifest["metadata"]["name"] for a in done.actions if isinstance(a, Apply)] == ["risk-v1-check-2"]
    assert reason(world.become(done.status)) == "Unknown/Validating"


def ended(type_: str) -> Json:
    """The status of a Job that is Complete or Failed."""
    times = {"completionTime": timestamp(NOW)} if type_ == "Complete" else {}
    return {"conditions": [{"type": type_, "status": "True", "lastTransitionTime": timestamp(NOW)}], **times}


def test_a_pod_that_ends_without_a_word_fails_the_version_with_its_job() -> None:
    """It used more disk than it may, say, and was evicted each time: it is there, and the Job gave up."""
    world = started(new_version())
    evicted = pod(world, fetch={"exitCode": 137, "message": "", "reason": "Error"})
    evicted["status"] = {"phase": "Failed", "reason": "Evicted"}
    world.pods, world.jobs[0]["status"] = [evicted], ended("Failed")
    assert reason(world.become(plan(world.observed(), NOW + SETTLING).status)) == "False/LoadFailed"


def test_an_image_that_cannot_be_pulled_is_told_while_it_waits() -> None:
    """Somebody may still mend it."""
    world = started(new_version())
    waits = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
    world.pods = [pod(world, fetch=FETCHED, server=waits)]
    look(world)
    assert reason(world) == "Unknown/Validating"
    assert "ImagePullBackOff" in world.status["conditions"][0]["message"]


def test_retry_validates_again() -> None:
    """A person who mended the store asks for another try."""
    world = started(new_version())
    message = said(outcome="Failed", reason="NotFound", message="nothing there")
    world.pods = [pod(world, fetch={"exitCode": 2, "message": message})]
    look(world)
    world.jobs, world.pods = [], []
    made = plan(world.ask("retry - id-1 jane").observed(), NOW)
    assert [a.manifest["metadata"]["name"] for a in made.actions if isinstance(a, Apply)] == ["risk-v1-check-2"]


def test_a_validation_s_pods_are_isolated_before_the_model_is_loaded() -> None:
    """The policy comes with the Job, and the label with the artifact: before that the fetcher reaches its store."""
    made = plan(new_version().observed(), NOW)
    [job, policy] = [a.manifest for a in made.actions if isinstance(a, Apply)]
    labels = {**job["spec"]["template"]["metadata"]["labels"], LOADED: "true"}
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["spec"]["podSelector"]["matchLabels"].items() - {(LOADED, "true")}
    world = started(new_version())
    world.pods = [pod(world)]
    assert not changes(world)
    world.pods = [pod(world, fetch=FETCHED)]
    [label] = changes(world)
    assert isinstance(label, Patch)
    assert (label.name, label.body) == ("p", {"metadata": {"labels": {LOADED: "true"}}})
    world.pods[0]["metadata"]["labels"] = {LOADED: "true"}
    assert not changes(world)


def test_a_pod_is_not_called_isolated_where_nothing_denies_its_egress() -> None:
    """The policy was refused, or somebody deleted it: it is made first, and the model waits for the label."""
    world = started(new_version())
    world.denied, world.pods = False, [pod(world, fetch=FETCHED)]
    [policy] = changes(world)
    assert isinstance(policy, Apply)
    assert policy.manifest["kind"] == "NetworkPolicy"


def test_egress_is_denied_until_the_last_pod_of_a_validation_is_gone() -> None:
    """A model that is told to end runs on for some seconds; then nothing is left of the validation."""
    world = started(new_version())
    world.pods = [pod(world, fetch=FETCHED, probe=PROBED)]
    look(world)
    assert [a.kind for a in changes(world) if isinstance(a, Delete)] == ["Job"]
    world.jobs = []
    assert not changes(world)
    world.pods = []
    assert [(a.kind, a.uid) for a in changes(world) if isinstance(a, Delete)] == [("NetworkPolicy", "uid-policy")]
    world.denied = False
    assert not changes(world)


def test_what_is_only_fetched_is_not_isolated() -> None:
    """No model is loaded there, and nobody waits for a label."""
    world = new_version()
    world.deployments = [{"replicas": 2, "strategy": {"canary": {}, "capacity": "InPlace"}}]
    started(world)
    assert not world.denied
    assert "isolate" not in json.dumps(world.jobs[0])
    alone = pod(world)
    alone["status"]["containerStatuses"] = [{"name": "fetch", "state": {"running": {}}}]
    world.pods = [alone]
    assert not changes(world)


def test_where_the_platform_allows_egress_a_validation_waits_for_no_label() -> None:
    """Nobody would set it."""
    observed = new_version().observed()
    allowed = replace(observed, platform=replace(observed.platform, deny_egress=False))
    [job] = [a.manifest for a in plan(allowed, NOW).actions if isinstance(a, Apply)]
    assert [c["name"] for c in containers(job["spec"]["template"]["spec"])] == ["fetch", "server", "probe"]
    assert "labels" not in {v["name"] for v in job["spec"]["template"]["spec"]["volumes"]}


def test_a_request_without_the_admission_policy_is_refused() -> None:
    """Nobody's word is taken while anybody could have written it."""
    world = new_version().ask("quarantine - id-1 jane")
    world.proven = False
    assert only_answer(plan(world.observed(), NOW).actions).outcome == "Refused"
    assert "quarantine" not in look(world).status


@pytest.mark.parametrize(
    ("request_", "outcome"), [("quarantine - id-1 jane", "Accepted"), ("promote - id-1 jane", "Refused")]
)
def test_an_answer_is_told_once(request_: str, outcome: str) -> None:
    """One Event for who looks now, one line in the log for who looks later."""
    world = started(new_version()).ask(request_)
    made = plan(world.observed(), NOW)
    (event,) = [a for a in made.actions if isinstance(a, Emit) and a.reason.startswith("Request")]
    assert event.reason == f"Request{outcome}"
    (line,) = [a.fields for a in made.actions if isinstance(a, Log) and a.event == "request"]
    assert (line["user"], line["outcome"]) == ("jane", outcome)
    world.become(made.status).asked = ()
    assert plan(world.observed(), NOW).actions == ()


def test_a_quarantine_and_a_release_by_hand_are_kept_and_logged() -> None:
    """Who forbade the artifact, who allowed it again, and when: on the version and in the log, with its digest."""
    world = validated()
    lines: list[Mapping[str, Any]] = []
    for request in ("quarantine - 1 jane", "release - 2 ada", "quarantine - 3 jane"):
        made = plan(world.ask(request).observed(), NOW + timedelta(minutes=len(lines)))
        lines += [a.fields for a in made.actions if isinstance(a, Log) and a.event == "decision"]
        world.become(made.status)
        assert bool(world.status.get("quarantine")) == request.startswith("quarantine")
    wanted = [("Quarantined", "jane"), ("Released", "ada"), ("Quarantined", "jane")]
    assert [(d["decision"], d["by"]) for d in world.status["decisions"]] == wanted
    assert [(line["decision"], line["by"]) for line in lines] == wanted
    assert {line["digest"] for line in lines} == {DIGESTS[1]}


def test_a_version_that_can_not_be_read_can_be_quarantined() -> None:
    """Another release may have left it so: who asks gets an answer, and the artifact is forbidden."""
    world = validated()
    world.spec = {**world.spec, "source": "somewhere"}
    look(world.ask("quarantine - 1 jane"))
    assert reason(world) == "False/InvalidSpec"
    assert only_answer(plan(world.observed(), NOW).actions).outcome == "Accepted"
    assert world.status["quarantine"]


def test_what_is_not_quarantined_can_not_be_released() -> None:
    """As on a Deployment: the answer says so, and no decision is made up."""
    world = validated().ask("release - 1 jane")
    assert only_answer(plan(world.observed(), NOW).actions).outcome == "Refused"
    assert "decisions" not in look(world).status


def test_a_retry_whose_answer_was_lost_is_not_obeyed_again() -> None:
    """The status remembers it: one more attempt, and the same answer once more."""
    world = started(new_version())
    world.status["conditions"][0].update(status="False", reason="LoadFailed")
    first = plan(world.ask("retry - id-1 jane").observed(), NOW)
    again = plan(world.become(first.status).observed(), NOW)
    assert again.status is not None
    assert again.status.attempt == 2
    assert only_answer(again.actions) == only_answer(first.actions)


def test_a_validated_version_leaves_no_job() -> None:
    """The Job is deleted once it was read."""
    world = started(new_version())
    world.pods = [pod(world, fetch=FETCHED, probe=PROBED)]
    look(world)
    assert [a for a in plan(world.observed(), NOW).actions if isinstance(a, Delete)]


def test_a_decision_is_recorded_once() -> None:
    """A repeated write after a crash adds nothing."""
    decision = Decision(id="r-RolledBack", deployment="d", decision="RolledBack", by="analysis")
    entry = Record("risk-v1", decision, Quarantine(deployment="d", revision="r", reason="errors"))
    once = record(ModelVersionStatus(), entry, NOW)
    assert record(once, entry, NOW) == once
    assert len(once.quarantine or ()) == 1


@pytest.mark.parametrize("wider", ["first", "second"])
def test_a_revision_is_quarantined_once_by_the_wider_reason(wider: str) -> None:
    """The API server refuses a status with two entries of one revision; what concerns every template goes on to."""
    status = ModelVersionStatus()
    for number, template in enumerate([None, "abc"] if wider == "first" else ["abc", None]):
        decision = Decision(id=f"r-{number}", deployment="d", decision="RolledBack", by="analysis")
        entry = Quarantine(deployment="d", revision="r", reason=f"reason-{number}", template=template)
        status = record(status, Record("risk-v1", decision, entry), NOW)
    assert [(q.reason, q.template) for q in status.quarantine or ()] == [("reason-1", None)]


def test_a_quarantine_that_stands_is_not_written_again() -> None:
    """Who restores what a lost record had may have seen an earlier state of it."""
    entry = Quarantine(deployment="risk", revision="risk-v1-1", reason="errors", message="", time=timestamp(NOW))
    failed = Decision(
        id="a", deployment="risk", revision="risk-v1-1", decision="RolledBack", by="analysis", reason="errors"
    )
    again = failed.model_copy(update={"id": "kept-risk-v1-1", "decision": "Quarantined", "by": "spec"})
    status = record(ModelVersionStatus(), Record("risk-v1", failed, entry), NOW)
    assert record(status, Record("risk-v1", again, entry), NOW) == status
    assert record(ModelVersionStatus(), Record("risk-v1", again, entry), NOW).quarantine == [entry]


def test_a_release_takes_the_quarantine_away() -> None:
    """And is kept as a decision itself."""
    entry = Quarantine(deployment="d", revision="r", reason="errors")
    released = Decision(id="release-1", deployment="d", decision="Released", by="jane")
    status = record(ModelVersionStatus(quarantine=[entry]), Record("risk-v1", released, release=True), NOW)
    assert status.quarantine is None
    assert status.decisions is not None


def containers(spec: Json) -> list[Json]:
    return [*spec["initContainers"], *spec["containers"]]


class TestPlace:
    """A version is tried as it will be served."""

    GPU: Json = {"resources": {"limits": {"nvidia.com/gpu": 1}}, "tolerations": [{"key": "gpu", "operator": "Exists"}]}

    def test_it_loads_with_the_pods_settings_of_its_deployment(self) -> None:
        """A server that needs a GPU gets one, and the arguments of that place."""
        world = new_version()
        world.deployments = [{"pod": self.GPU, "runtime": {"args": ["--quiet"]}}]
        started(world)
        spec = world.jobs[0]["spec"]["template"]["spec"]
        [*_, server] = spec["initContainers"]
        assert str(server["resources"]["limits"]["nvidia.com/gpu"]) == "1"
        assert server["args"][-1] == "--quiet"
        assert spec["tolerations"][0]["key"] == "gpu"

    def test_it_has_as_long_as_the_most_patient_deployment_gives(self) -> None:
        """A large model that may take its time to be served may take it to be tried: deadlines.fetch and ready."""
        world = new_version()
        world.deployments = [{"deadlines": {"fetch": "3h"}}, {"deadlines": {"ready": "40m"}}, {}]
        started(world)
        spec = world.jobs[0]["spec"]
        arguments = {c["name"]: " ".join(c["args"]) for c in containers(spec["template"]["spec"])}
        assert "--deadline 3h" in arguments["fetch"]
        assert "--deadline 40m" in arguments["probe"]
        assert spec["activeDeadlineSeconds"] == 3 * 3600 + 40 * 60 + 60 + 60

    def test_where_nothing_is_to_spare_it_is_only_fetched(self) -> None:
        """capacity InPlace: no server is started beside stable's, and the digest is known all the same."""
        world = new_version()
        world.deployments = [{"pod": self.GPU, "replicas": 2, "strategy": {"canary": {}, "capacity": "InPlace"}}]
        started(world)
        spec = world.jobs[0]["spec"]["template"]["spec"]
        assert spec["initContainers"] == []
        assert [c["name"] for c in spec["containers"]] == ["fetch"]
        assert "nvidia.com/gpu" not in json.dumps(spec)
        alone = pod(world)
        alone["status"]["containerStatuses"] = pod(world, fetch=FETCHED)["status"]["initContainerStatuses"]
        world.pods = [alone]
        status = look(world).status
        assert status["digest"] == DIGESTS[1]
        assert status["conditions"][0]["message"].endswith("is shown by the canary (capacity: InPlace)")

    def test_a_contract_is_answered_in_any_case(self) -> None:
        """It can be asked of a server only."""
        world = new_version()
        world.spec["contract"] = {"configMapName": "golden"}
        world.deployments = [{"replicas": 2, "strategy": {"canary": {}, "capacity": "InPlace"}}]
        started(world)
        assert [c["name"] for c in containers(world.jobs[0]["spec"]["template"]["spec"])][2:] == ["server", "probe"]

    def test_one_deployment_with_room_is_enough_to_load_it(self) -> None:
        """Only where all are in place there is no room."""
        world = new_version()
        world.deployments = [{"replicas": 2, "strategy": {"canary": {}, "capacity": "InPlace"}}, {}]
        started(world)
        assert [c["name"] for c in containers(world.jobs[0]["spec"]["template"]["spec"])][2:] == ["server", "probe"]


class TestWitness:
    """Whose word a version's digest and metrics are taken on: that of Linnet's own fetcher and prober alone."""

    HONEST = said(outcome="Failed", reason="ContractFailed", message="case fraud: expected 1, got 0")
    FORGED = said(outcome="Fetched", digest=DIGESTS[2], linnet={"metrics": {"auc": 0.999}})

    def failing(self) -> VersionWorld:
        world = started(new_version())
        world.pods = [pod(world, fetch=FETCHED, probe={"exitCode": 2, "message": self.HONEST})]
        return world

    def forge(self, world: VersionWorld, **container: Any) -> Json:
        """A newer pod that names the Job's uid and says that all is well; its containers differ by this."""
        made = pod(world, fetch={"exitCode": 0, "message": self.FORGED}, probe=PROBED)
        made["metadata"] |= {"name": "fake", "uid": "fake", "creationTimestamp": "2027-01-01T00:00:00Z"}
        for each in (*made["spec"]["initContainers"], *made["spec"]["containers"]):
            each.update(container)
        world.pods = [*world.pods, made]
        return made

    @pytest.mark.parametrize(
        "container",
        [
            {"image": "evil:1"},
            {"image": "linnet:test2"},
            {"image": "evil.example/linnet:test"},
            {"command": ["sh", "-c", "echo fine > /dev/termination-log"]},
            {"args": ["probe", "--url", "http://evil.example"]},
            {"lifecycle": {"postStart": {"exec": {"command": ["sh"]}}}},
        ],
    )
    def test_a_made_up_pod_does_not_pass_a_version_that_failed(self, container: Json) -> None:
        """Another image, or Linnet's own told something else: what it reports is nobody's word."""
        world = self.failing()
        self.forge(world, **container)
        look(world)
        assert reason(world) == "False/ContractFailed"
        assert "digest" not in world.status

    def test_a_made_up_pod_does_not_pass_a_version_before_its_own_pod_has_spoken(self) -> None:
        """While the genuine pod still runs, a forged report does not come first; the condition says what was seen."""
        world = started(new_version())
        self.forge(world, image="evil:1")
        look(world)
        assert reason(world) == "Unknown/Validating"
        assert "runs evil:1, and Linnet's image is linnet:test" in world.status["conditions"][0]["message"]

    def test_a_made_up_pod_does_not_fail_a_version(self) -> None:
        """A stranger condemns nobody's version either."""
        world = started(new_version())
        world.pods = [pod(world, fetch=FETCHED, probe=PROBED)]
        fake = self.forge(world, image="evil:1")
        fake["status"]["containerStatuses"][0]["state"]["terminated"] = {"exitCode": 2, "message": self.HONEST}
        look(world)
        assert reason(world) == "True/Validated"
        assert world.status["digest"] == DIGESTS[1]

    @pytest.mark.parametrize(
        ("name", "container", "volumes"),
        [
            ("fetch", {"env": [{"name": "PYTHONPATH", "value": "/var/run/x"}]}, []),
            ("probe", {"env": [{"name": "LD_PRELOAD", "value": "/var/run/x.so"}]}, []),
            ("fetch", {"env": [{"name": "AWS_ENDPOINT_URL_S3", "value": "http://evil.example"}]}, []),
            ("fetch", {"volumeMounts": [{"name": "x", "mountPath": "/opt/linnet/bin"}]}, [{"name": "x"}]),
            ("probe", {"volumeMounts": [{"name": "x", "mountPath": "/var/../opt/x"}]}, [{"name": "x"}]),
            ("probe", {"volumeMounts": [{"name": "x", "mountPath": "usr/lib"}]}, [{"name": "x"}]),
            ("probe", {"envFrom": [{"configMapRef": {"name": "mine"}}]}, []),
            ("fetch", {"livenessProbe": {"exec": {"command": ["python"]}}}, []),
            ("fetch", {"volumeMounts": [{"name": "x", "mountPath": "/mnt/models/part"}]}, [{"name": "x"}]),
            ("server", {"volumeMounts": [{"name": "x", "mountPath": "/mnt"}]}, [{"name": "x"}]),
            ("fetch", {}, [{"name": "model", "configMap": {"name": "mine"}}]),
            ("server", {"args": ["--evil"]}, []),
        ],
    )
    def test_a_made_up_pod_runs_what_its_job_says_with_its_files(
        self, name: str, container: Json, volumes: list[Json]
    ) -> None:
        """Linnet's image with another's code, or an honest prober that asks another server, passes nothing."""
        world = self.failing()
        made = self.forge(world)
        for each in (*made["spec"]["initContainers"], *made["spec"]["containers"]):
            if each["name"] == name:
                for key, value in container.items():
                    each[key] = [*each.get(key, ()), *value] if key in {"env", "volumeMounts"} else value
        replaced = {v["name"] for v in volumes}
        kept = [v for v in made["spec"]["volumes"] if v["name"] not in replaced]
        made["spec"]["volumes"] = [*kept, *volumes]
        look(world)
        assert reason(world) == "False/ContractFailed"
        assert "digest" not in world.status

    def test_what_clouds_and_webhooks_add_costs_no_validation(self) -> None:
        """A role, the token for it, a proxy, the company's certificates, a mesh that asks for the kubelet, a mirror."""
        world = started(new_version())
        world.pods = [pod(world, fetch=FETCHED, probe=PROBED)]
        spec = world.pods[0]["spec"]
        for each in (*spec["initContainers"], *spec["containers"]):
            each["env"] = [*each.get("env", ()), {"name": "AWS_ROLE_ARN", "value": "x"}, {"name": "HTTPS_PROXY"}]
            paths = ("/var/run/secrets/eks.amazonaws.com/serviceaccount", "/etc/ssl/certs")
            added = [{"name": f"a{n}", "mountPath": path} for n, path in enumerate(paths)]
            each["volumeMounts"] = [*each.get("volumeMounts", ()), *added]
            if "startupProbe" in each:
                each["startupProbe"] = {"httpGet": {"path": "/app-health/server/startupz", "port": 15020}}
            if each["name"] == "server":
                each["image"] = f"mirror.example/{each['image']}"
        spec["containers"] = [*spec["containers"], {"name": "istio-proxy", "image": "proxy:1"}]
        assert reason(look(world)) == "True/Validated"

    def test_other_containers_reports_are_not_read(self) -> None:
        """The server's last words look like a report, and are none."""
        world = started(new_version())
        world.pods = [pod(world, server={"exitCode": 0, "message": self.FORGED})]
        look(world)
        assert reason(world) == "Unknown/Validating"

    def test_a_job_with_another_image_is_made_anew(self) -> None:
        """It is of another release, or somebody else's: its pods are not waited for."""
        world = started(new_version())
        for each in world.jobs[0]["spec"]["template"]["spec"]["initContainers"]:
            each["image"] = "linnet:former"
        world.pods = [pod(world, fetch={"exitCode": 0, "message": self.FORGED}, probe=PROBED)]
        made = plan(world.observed(), NOW)
        assert [a.manifest["metadata"]["name"] for a in made.actions if isinstance(a, Apply)] == ["risk-v1-check-2"]
        assert "digest" not in world.become(made.status).status

    def test_a_webhook_that_adds_the_digest_costs_no_validation(self) -> None:
        """Policy controllers turn `linnet:1` into `linnet:1@sha256:…` in each pod: it is the same image."""
        world = started(new_version())
        world.pods = [pod(world, fetch=FETCHED, probe=PROBED)]
        for each in (*world.pods[0]["spec"]["initContainers"], *world.pods[0]["spec"]["containers"]):
            each["image"] += f"@{DIGESTS[9]}"
        assert reason(look(world)) == "True/Validated"


class TestImage:
    """Which image serves: the one that was tried, whatever its tag comes to mean."""

    SEEN = f"docker.io/seldonio/mlserver@{DIGESTS[7]}"

    def tried(self, image_id: str, image: str | None = None) -> VersionWorld:
        """A version whose server's container ran as the node says."""
        world = new_version()
        if image is not None:
            world.spec["runtime"]["image"] = image
        started(world)
        world.pods = [pod(world, fetch=FETCHED, probe=PROBED, server={"restartCount": 0, "imageID": image_id})]
        return look(world)

    def pinned(self, world: VersionWorld) -> tuple[str, str]:
        found = next(c for c in world.status["conditions"] if c["type"] == "ImagePinned")
        return found["reason"], found["message"]

    def test_the_digest_of_the_image_is_recorded(self) -> None:
        """It is the registry's, of the image that loaded the artifact."""
        world = self.tried(self.SEEN)
        assert world.status["imageDigest"] == DIGESTS[7]
        assert self.pinned(world) == ("ImagePinned", f"served as docker.io/seldonio/mlserver@{DIGESTS[7]}")

    def test_an_image_of_no_registry_keeps_its_tag(self) -> None:
        """A configuration's bare digest can't be pulled by: the condition says that the tag may move."""
        world = self.tried(DIGESTS[7])
        assert "imageDigest" not in world.status
        assert reason(world) == "True/Validated"
        why, message = self.pinned(world)
        assert why == "ImageNotPinned"
        assert "Name the image by its digest" in message

    def test_a_digest_that_a_person_chose_stays(self) -> None:
        """It needs no node to tell it."""
        world = self.tried("", f"reg.example/server:1@{DIGESTS[8]}")
        assert world.status["imageDigest"] == DIGESTS[8]
        assert self.pinned(world) == ("ImagePinned", f"served as reg.example/server:1@{DIGESTS[8]}")

    def test_a_server_that_was_not_started_has_no_digest(self) -> None:
        """capacity InPlace: the version was only fetched."""
        world = new_version()
        world.deployments = [{"replicas": 2, "strategy": {"capacity": "InPlace"}}]
        started(world)
        alone = pod(world)
        alone["status"]["containerStatuses"] = pod(world, fetch=FETCHED)["status"]["initContainerStatuses"]
        world.pods = [alone]
        look(world)
        assert "imageDigest" not in world.status
        assert "it was not started before it serves" in self.pinned(world)[1]

    def test_a_strangers_pod_chooses_no_image(self) -> None:
        """What a made-up pod runs is not what serves."""
        world = started(new_version())
        genuine = pod(world, fetch=FETCHED, probe=PROBED, server={"imageID": self.SEEN})
        fake = pod(world, fetch=FETCHED, probe=PROBED, server={"imageID": f"evil.example/mlserver@{DIGESTS[6]}"})
        fake["metadata"] |= {"name": "fake", "uid": "fake", "creationTimestamp": "2027-01-01T00:00:00Z"}
        fake["spec"]["initContainers"][0]["image"] = "evil.example/mlserver:1"
        world.pods = [genuine, fake]
        assert look(world).status["imageDigest"] == DIGESTS[7]

    def test_the_servers_pull_policy_is_the_tenants(self) -> None:
        """The platform's own is for Linnet's image; without a word of the tenant's Kubernetes chooses."""
        world = started(new_version())
        *_, server = world.jobs[0]["spec"]["template"]["spec"]["initContainers"]
        assert "imagePullPolicy" not in server
        world = new_version()
        world.deployments = [{"pod": {"imagePullPolicy": "Always"}}]
        *_, server = started(world).jobs[0]["spec"]["template"]["spec"]["initContainers"]
        assert server["imagePullPolicy"] == "Always"


FAILED = "errors: 5 % of the answers were errors"


def refused_still(*entries: tuple[str, str]) -> VersionWorld:
    """A validated version of an artifact that Deployments refuse: time and revision of each entry."""
    world = validated()
    world.denied = False
    lines = [f"{world.status['digest']} * {revision} {time} {FAILED}" for time, revision in entries]
    world.refused_by = {f"d{n}": [line, "sha256:other * r * x: y"] for n, line in enumerate(lines)}
    return world


def test_a_version_that_was_made_anew_is_as_refused_as_the_one_that_was_deleted() -> None:
    """Its Model was deleted, and with it the record; a Deployment of the namespace still keeps the quarantine."""
    world = refused_still((timestamp(NOW), "risk-v3-abc"), (timestamp(NOW), "other-v1-abc"))
    done = plan(world.observed(), NOW)
    assert done.status is not None
    assert [(q.deployment, q.revision, q.reason) for q in done.status.quarantine or ()] == [
        ("d0", "risk-v3-abc", "errors"),
        ("d1", "other-v1-abc", "errors"),
    ]
    assert [d.decision for d in done.status.decisions or ()][-2:] == ["Quarantined", "Quarantined"]
    again = plan(world.become(done.status).observed(), NOW)
    assert (again.status, again.actions) == (done.status, ())


@pytest.mark.parametrize(
    ("made", "looked", "decided"),
    [(-60, 30, []), (-60, 600, ["Quarantined"]), (60, 90, ["Quarantined"])],
    ids=["on its way", "its record was lost", "made anew"],
)
def test_its_own_failure_is_the_deployments_to_record(made: int, looked: int, decided: list[str]) -> None:
    """What rolled this very version back is told once, by who saw it; what lacks the record in the end is refused."""
    observed = refused_still((timestamp(NOW), "risk-v3-abc")).observed()
    standing = replace(observed, version=replace(observed.version, created=NOW + timedelta(seconds=made)))
    done = plan(standing, NOW + timedelta(seconds=looked))
    assert done.status is not None
    assert [d.decision for d in done.status.decisions or ()] == decided


def test_what_is_made_by_a_status_that_was_written_before_relies_on_it() -> None:
    """A Job, or a policy, that is missing in a view of the past was there already; the status writes nothing then."""
    assert not relies_on_status(new_version().observed(), NOW)
    begun = started(new_version())
    assert not relies_on_status(begun.observed(), NOW)
    begun.denied = False
    assert relies_on_status(begun.observed(), NOW)
    begun.denied, begun.jobs = True, []
    assert relies_on_status(begun.observed(), NOW)
    assert not relies_on_status(validated().observed(), NOW)


def test_what_was_released_since_is_not_refused_again() -> None:
    """The Deployment's own look comes later, and still keeps the line; what failed once more afterwards is refused."""
    world = refused_still((timestamp(NOW), "risk-v3-abc"))
    world.become(plan(world.observed(), NOW).status)
    world.asked = ()
    released = plan(world.ask("release - id1 jane").observed(), NOW + timedelta(seconds=1)).status
    assert released is not None
    assert not released.quarantine
    world.become(released).asked = ()
    assert plan(world.observed(), NOW + timedelta(seconds=2)).status == released
    line = f"{world.status['digest']} * risk-v3-def {timestamp(NOW + timedelta(seconds=3))} {FAILED}"
    world.refused_by = {"d0": [line]}
    later = plan(world.observed(), NOW + timedelta(seconds=4)).status
    assert later is not None
    assert later.quarantine


KEPT = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/hold"]}


def kept(world: VersionWorld) -> VersionWorld:
    """Somebody deletes every Job, and a stranger's finalizer keeps it."""
    for job in world.jobs:
        job["metadata"] |= KEPT
    return world


def next_job(world: VersionWorld) -> VersionWorld:
    """The world after a look that makes another Job."""
    former = list(world.jobs)
    started(world)
    world.jobs = [*former, *world.jobs]
    return world


def test_a_job_that_hangs_in_deletion_is_followed_by_another() -> None:
    """What its pods say of their end is nobody's fault, and the version is validated by the next one."""
    world = kept(started(new_version()))
    world.pods = [pod(world, fetch={"exitCode": 2, "message": said(outcome="Failed", reason="LoadFailed")})]
    next_job(world)
    assert reason(world) == "Unknown/Validating"
    assert [j["metadata"]["name"] for j in world.jobs] == ["risk-v1-check-1", "risk-v1-check-2"]


def test_what_a_deleted_job_has_found_out_counts() -> None:
    """It was fetched and loaded: nothing is done twice."""
    world = kept(started(new_version()))
    world.pods = [pod(world, fetch=FETCHED, probe=PROBED)]
    assert reason(look(world)) == "True/Validated"
    assert not [a for a in changes(world) if isinstance(a, Delete) and a.kind == "Job"]


def test_who_keeps_one_job_after_the_other_is_named() -> None:
    """Jobs don't pile up; when a finalizer goes, it goes on by itself."""
    world = kept(started(new_version()))
    for _ in range(2):
        kept(next_job(world))
    assert not [a for a in changes(world) if isinstance(a, Apply)]
    message = look(world).status["conditions"][0]["message"]
    assert "Job risk-v1-check-3 hangs in deletion, kept by finalizer example.com/hold" in message
    assert "kubectl patch job risk-v1-check-3 -n ml --type merge" in message
    world.jobs.pop()
    assert [a.manifest["kind"] for a in changes(world) if isinstance(a, Apply)] == ["Job"]
