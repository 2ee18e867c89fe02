"""Commands that a message gives a person to type, whole: with the namespace, and with nothing left to fill in."""


def linnet(verb: str, name: str, namespace: str, *more: str) -> str:
    """The command that asks this of an object, such as `mv/risk-v3`; a bare name is the kind's that the verb is of.

    >>> linnet("retry", "mv/risk-v3", "ml")
    'kubectl linnet retry mv/risk-v3 -n ml'
    """
    return " ".join(["kubectl linnet", verb, name, *more, "-n", namespace])


def of_version(verb: str, name: str, namespace: str, version: int) -> str:
    """The command that asks this about one version, so that it can't hit one that comes in between."""
    return linnet(verb, name, namespace, "--version", f"v{version}")
