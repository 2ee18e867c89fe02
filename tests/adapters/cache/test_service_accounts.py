"""Who pods of ours may run as, and when the policy about requests is asked about."""

from typing import Any

from adapters.fake_kube import kube
from adapters.objects import Clock
from linnet.adapters.cache.gatherer import account_names
from linnet.adapters.cache.service_accounts import ServiceAccounts
from linnet.adapters.cluster import resources
from linnet.api.labels import ALLOW_PODS, ALLOWED_PREFIX

Json = dict[str, Any]


def account(name: str, **labels: str) -> Json:
    return {"metadata": {"name": name, "namespace": "ml", "labels": labels}}


async def test_only_labeled_service_accounts_are_allowed() -> None:
    """The namespace's owner says which identities pods of ours may take."""
    server = kube()
    server.put(resources.SERVICE_ACCOUNT, account("models", **{ALLOW_PODS: "true"}))
    server.put(resources.SERVICE_ACCOUNT, account("admin"))
    allowed = await ServiceAccounts(server, Clock()).allowed("ml", ["models", "admin", "missing"])
    assert allowed == {"models"}


async def test_a_refusal_is_not_remembered_and_a_permission_for_a_minute() -> None:
    """A label that was just added helps at once."""
    server, clock = kube(), Clock()
    accounts = ServiceAccounts(server, clock)
    assert not await accounts.allowed("ml", ["models"])
    server.put(resources.SERVICE_ACCOUNT, account("models", **{ALLOW_PODS: "true"}))
    assert await accounts.allowed("ml", ["models"])
    server.put(resources.SERVICE_ACCOUNT, account("models"))
    assert await accounts.allowed("ml", ["models"])
    clock.now += 61
    assert not await accounts.allowed("ml", ["models"])


async def test_an_account_says_what_it_may_be_used_for() -> None:
    """Its annotation is read beside its label; a sentence longer than any URI counts as none."""
    server = kube()
    labels = {ALLOW_PODS: "true"}
    for name, prefix in (("reader", "s3://models/"), ("long", "s3://" + "m" * 3000)):
        meta = {"name": name, "namespace": "ml", "labels": labels, "annotations": {ALLOWED_PREFIX: prefix}}
        server.put(resources.SERVICE_ACCOUNT, {"metadata": meta})
    server.put(resources.SERVICE_ACCOUNT, account("silent", **labels))
    found = await ServiceAccounts(server, Clock()).prefixes("ml", ["reader", "long", "silent", "missing"])
    assert found == {"reader": "s3://models/", "long": "", "silent": ""}


def test_every_account_that_a_spec_names_is_found() -> None:
    """Pods' and credentials' accounts, however deep."""
    spec = {
        "pod": {"serviceAccountName": "a"},
        "training": {"job": {"credentials": {"serviceAccountName": "b"}, "pod": {"serviceAccountName": "c"}}},
        "list": [{"serviceAccountName": "d"}],
    }
    assert set(account_names(spec)) == {"a", "b", "c", "d"}
