"""The labels that Linnet's children carry: these only, never a parent's."""

from typing import Final

from linnet.api.names import GROUP

FIELD_MANAGER: Final = "linnet"

MANAGED: Final = f"{GROUP}/managed"
"""Every child has it, with the value "true": the server filters by it what the operator watches."""
DEPLOYMENT: Final = f"{GROUP}/deployment"
"""The Deployment (mld) that a child belongs to."""
MODEL: Final = f"{GROUP}/model"
MODEL_VERSION: Final = f"{GROUP}/modelversion"
RETRAIN_POLICY: Final = f"{GROUP}/retrainpolicy"
REVISION: Final = f"{GROUP}/revision"
"""The revision that a pod, apps/v1 Deployment or Service is of; Services select by it."""
VERSION: Final = f"{GROUP}/version"
COMPONENT: Final = f"{GROUP}/component"
"""What a pod is for: serving, validation or training."""
TEMPLATE: Final = f"{GROUP}/template"
"""A revision has it: the hash of what its pod template was made from."""
LOADED: Final = f"{GROUP}/loaded"
"""A pod that has its artifact has it, with the value "true": egress is denied before the model is loaded."""
TRIGGER: Final = f"{GROUP}/trigger"
"""A training Job has it: the trigger that caused the Job."""
ANSWERED: Final = f"{GROUP}/answered"
"""A Request that was answered, and told to whom it had to be told, has it, with the value "true"."""
PROBE: Final = f"{GROUP}/probe"
"""Nothing has it: each admission policy refuses it, so that the operator can try whether the policy is in force."""
ALLOW_PODS: Final = f"{GROUP}/allow-pods"
"""A ServiceAccount has it, with the value "true", as which pods of ours may run."""
ALLOWED_PREFIX: Final = f"{GROUP}/allowed-prefix"
"""An annotation of a ServiceAccount: the URIs that its identity may be used for, as `allowedPrefix` is of a Secret."""

OWNER_LABELS: Final = {
    "Deployment": DEPLOYMENT,
    "Model": MODEL,
    "ModelVersion": MODEL_VERSION,
    "RetrainPolicy": RETRAIN_POLICY,
}
"""Maps a kind of ours to the label by which its children name it."""
