"""Labels and annotations that Linnet's children carry. Children carry these only, never a parent's."""

from typing import Final

from linnet.api.names import GROUP

FIELD_MANAGER: Final = "linnet"

MANAGED: Final = f"{GROUP}/managed"
"""On every child, with the value "true": what the operator watches, filtered by the server."""
DEPLOYMENT: Final = f"{GROUP}/deployment"
"""The Deployment (mld) that a child belongs to."""
MODEL: Final = f"{GROUP}/model"
MODEL_VERSION: Final = f"{GROUP}/modelversion"
RETRAIN_POLICY: Final = f"{GROUP}/retrainpolicy"
REVISION: Final = f"{GROUP}/revision"
"""The revision that a pod, apps/v1 Deployment or Service is of; Services select by it."""
VERSION: Final = f"{GROUP}/version"
COMPONENT: Final = f"{GROUP}/component"
"""serving, validation or training."""
TEMPLATE: Final = f"{GROUP}/template"
"""On a revision: the hash of what its pod template was made from."""
LOADED: Final = f"{GROUP}/loaded"
"""On a serving pod that has loaded its model, with the value "true": egress is denied to it."""
TRIGGER: Final = f"{GROUP}/trigger"
"""On a training Job: what caused it."""
ALLOW_PODS: Final = f"{GROUP}/allow-pods"
"""On a ServiceAccount, with the value "true": pods of ours may run as it."""

OWNER_LABELS: Final = {
    "Deployment": DEPLOYMENT,
    "Model": MODEL,
    "ModelVersion": MODEL_VERSION,
    "RetrainPolicy": RETRAIN_POLICY,
}
"""Our kind → the label by which its children name it."""
