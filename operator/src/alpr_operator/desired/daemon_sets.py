"""The DaemonSet of one node class of a site: agent and pipeline, one image, files of their own on the node. Pure.

`OnDelete`: Kubernetes' own rolling update waits for nodes that are offline; waves are ours (`alpr_operator.rollout`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from alpr_kubernetes import Object, kinds
from alpr_operator.desired.access import METRICS_PORT
from alpr_operator.desired.manifests import Owner, child, digest
from alpr_operator.desired.node_classes import EdgeClass
from alpr_operator.store.objects import CLASS_LABEL, PREFIX, SITE_LABEL

WORKLOAD = PREFIX + "workload"
DATA: Final = "/var/lib/alpr"
SINKS: Final = "/etc/ovr-alpr/sinks"
_USER: Final = 10001
_VIDEO_GROUP: Final = 44  # Jetson's GPU devices belong to it
_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_TIGHT: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass(frozen=True, slots=True)
class Nodes:
    """What all nodes of a site share. `sinks` names a ConfigMap of the agent's variables, and a Secret of its files."""

    selector: Mapping[str, str]
    host_path: str
    sinks: str | None = None


def daemon_set(owner: Owner, told: EdgeClass, nodes: Nodes) -> Object:
    """The DaemonSet for `told`; its pods carry the digest of their template, so that waves know what a node runs."""
    labels = {**owner.labels, CLASS_LABEL: told.name}
    pod = pod_spec(owner, told, nodes)
    template = {"metadata": {"labels": labels, "annotations": {WORKLOAD: digest(pod)}}, "spec": pod}
    spec = {
        "selector": {"matchLabels": {SITE_LABEL: owner.key.name, CLASS_LABEL: told.name}},
        "updateStrategy": {"type": "OnDelete"},
        "revisionHistoryLimit": 2,
        "template": template,
    }
    name = f"{owner.child_name}-{told.name}"
    return child(kinds.DAEMON_SETS, owner, name, {"spec": spec}, {CLASS_LABEL: told.name})


def workload_of(manifest: Object) -> str:
    """The digest that pods of this DaemonSet carry."""
    return str(manifest["spec"]["template"]["metadata"]["annotations"][WORKLOAD])


def pod_spec(owner: Owner, told: EdgeClass, nodes: Nodes) -> dict[str, Any]:
    """What runs on a node: first the agent, as a sidecar that stays, then the pipeline."""
    groups = [_VIDEO_GROUP] if told.gpu != "none" else []
    spec: dict[str, Any] = {
        "serviceAccountName": owner.child_name,
        "automountServiceAccountToken": False,
        "nodeSelector": {**nodes.selector, **told.selector},
        "tolerations": [{"key": PREFIX + "edge", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
            **({"supplementalGroups": groups} if groups else {}),
        },
        "initContainers": [_folder_owner(told), _agent(told, nodes)],
        "containers": [_pipeline(told)],
        "volumes": _volumes(owner, nodes),
    }
    if told.gpu != "none" and told.runtime_class:
        spec["runtimeClassName"] = told.runtime_class
    return spec


def _folder_owner(told: EdgeClass) -> dict[str, Any]:
    """Kubernetes makes a hostPath folder as root's; this gives it to the user that we run as, and can do no more."""
    return {
        "name": "own-folder",
        "image": told.agent_image,
        "command": ["chown", f"{_USER}:{_USER}", DATA],
        "securityContext": {
            **_TIGHT,
            "runAsNonRoot": False,
            "runAsUser": 0,
            "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
        },
        "resources": {"limits": {"memory": "64Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": DATA}],
    }


def _agent(told: EdgeClass, nodes: Nodes) -> dict[str, Any]:
    mounts = [
        {"name": "data", "mountPath": DATA},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of its own
        {"name": "account", "mountPath": _ACCOUNT, "readOnly": True},
    ]
    if nodes.sinks:
        mounts.append({"name": "sinks", "mountPath": SINKS, "readOnly": True})
    told_by = [{"configMapRef": {"name": nodes.sinks, "optional": True}}] if nodes.sinks else []
    return {
        "name": "agent",
        "image": told.agent_image,
        "args": ["agent"],
        "restartPolicy": "Always",
        "env": _environment(),
        **({"envFrom": told_by} if told_by else {}),
        "securityContext": _TIGHT,
        "resources": dict(told.agent_resources),
        "volumeMounts": mounts,
    }


def _pipeline(told: EdgeClass) -> dict[str, Any]:
    resources = {key: dict(value) for key, value in told.pipeline_resources.items()}
    if told.gpu == "devicePlugin":
        resources["limits"] = {**resources.get("limits", {}), "nvidia.com/gpu": "1"}
    return {
        "name": "pipeline",
        "image": told.pipeline_image,
        "args": ["pipeline"],
        "env": [*_environment(), {"name": "ALPR_PIPELINE_METRICS_HOST", "value": "0.0.0.0"}],  # noqa: S104 - its pod's
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "securityContext": _TIGHT,
        "resources": resources,
        "volumeMounts": [
            {"name": "data", "mountPath": DATA},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of its own
        ],
    }


def _environment() -> list[dict[str, Any]]:
    def field(name: str, path: str) -> dict[str, Any]:
        return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}

    models = {"name": "ALPR_MODELS_DIR", "value": f"{DATA}/models"}
    return [field("NODE_NAME", "spec.nodeName"), field("POD_NAMESPACE", "metadata.namespace"), models]


def _volumes(owner: Owner, nodes: Nodes) -> list[dict[str, Any]]:
    path = f"{nodes.host_path}/{owner.key.namespace}"
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    certificate = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    name = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}
    volumes: list[dict[str, Any]] = [
        {"name": "data", "hostPath": {"path": path, "type": "DirectoryOrCreate"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
        {"name": "account", "projected": {"sources": [token, certificate, {"downwardAPI": {"items": [name]}}]}},
    ]
    if nodes.sinks:
        # Both in one folder: the agent sees there that its variables have changed, too.
        told = {"name": nodes.sinks, "optional": True}
        volumes.append({"name": "sinks", "projected": {"sources": [{"configMap": told}, {"secret": told}]}})
    return volumes
