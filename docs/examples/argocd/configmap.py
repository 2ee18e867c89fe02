"""Writes argocd-cm.yaml from the scripts: `python docs/examples/argocd/configmap.py`.

Argo CD's own repository has the scripts as files; everybody else gives them to Argo CD in its ConfigMap.
"""

from pathlib import Path

import yaml

HERE = Path(__file__).parent
SCRIPTS = HERE / "resource_customizations" / "linnet.dev"
EVIDENCE = 'select(.metadata.labels."linnet.dev/managed" == "true") | .data'
"""What is written every half minute while a rollout is judged, and says nothing of the application's health."""
HEADER = "# Made by configmap.py from the scripts in resource_customizations; do not edit.\n"


class _Dumper(yaml.SafeDumper):
    """Scripts as blocks, which people can read."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dump(data: object) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=1000)


def data() -> dict[str, str]:
    """Key of argocd-cm → what belongs there."""
    found = {}
    for kind in sorted(SCRIPTS.iterdir()):
        found[f"resource.customizations.health.linnet.dev_{kind.name}"] = (kind / "health.lua").read_text()
        if (kind / "actions").is_dir():
            found[f"resource.customizations.actions.linnet.dev_{kind.name}"] = dump(_actions(kind / "actions"))
    return {**found, "resource.customizations.ignoreResourceUpdates.ConfigMap": dump({"jqPathExpressions": [EVIDENCE]})}


def _actions(folder: Path) -> dict[str, object]:
    scripts = sorted(folder.glob("*/action.lua"))
    return {
        "discovery.lua": (folder / "discovery.lua").read_text(),
        "definitions": [{"name": s.parent.name, "action.lua": s.read_text()} for s in scripts],
    }


def render() -> str:
    meta = {"name": "argocd-cm", "namespace": "argocd", "labels": {"app.kubernetes.io/part-of": "argocd"}}
    return HEADER + dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data()})


if __name__ == "__main__":
    (HERE / "argocd-cm.yaml").write_text(render())
