"""Pods of ours run as a ServiceAccount only where its owner allows that; it may also be unreadable for a while."""

from collections.abc import Mapping

from linnet.api.labels import ALLOW_PODS

AllowedAccounts = Mapping[str, str | None]
"""ServiceAccounts that pods of ours may run as → the URIs that each may be used for, empty if its owner named none.

None: it can't be read now, and nobody knows whether pods may.
"""


def obstacle(path: str, account: str, known: AllowedAccounts) -> str | None:
    """Why pods can't run as this account, with the field's path; None if they can.

    >>> obstacle("spec.pod.serviceAccountName", "models", {"models": "s3://models/"})
    >>> obstacle("spec.pod.serviceAccountName", "models", {"models": None})
    'spec.pod.serviceAccountName: models is not known now: it could not be read, which is tried again'
    """
    if account not in known:
        return f'{path}: {account} does not exist or does not carry the label {ALLOW_PODS}: "true"'
    return (
        f"{path}: {account} is not known now: it could not be read, which is tried again"
        if known[account] is None
        else None
    )
