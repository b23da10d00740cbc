"""What manifests say of pods, and where pods leave Kubernetes' restricted profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Manifest = dict[str, Any]
_MAKERS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


def pods(found: list[Manifest]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """Name, labels and spec of each pod, also of those that Jobs and CronJobs make."""
    for one in found:
        spec = one.get("spec") or {}
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if one["kind"] == "Pod":
            yield one["metadata"]["name"], one["metadata"]["labels"], spec
        elif one["kind"] in _MAKERS:
            yield one["metadata"]["name"], spec["template"]["metadata"]["labels"], spec["template"]["spec"]


def containers(pod: Manifest) -> list[Manifest]:
    """A pod's containers, those that run first with them."""
    return [*pod.get("initContainers", []), *pod["containers"]]


def outside_the_restricted_profile(found: list[Manifest]) -> list[str]:
    """Each thing by which a pod leaves "Pod Security Standards", restricted, or can write its root file system."""
    return [f"{name}: {fault}" for name, _, pod in pods(found) for fault in _faults(pod)]


def _faults(pod: Manifest) -> Iterator[str]:
    security = pod.get("securityContext", {})
    kinds = {key for volume in pod.get("volumes", []) for key in volume if key != "name"}
    rules = {
        "runAsNonRoot": security.get("runAsNonRoot") is True,
        "runAsUser": security.get("runAsUser", 0) > 0,
        "seccompProfile": security.get("seccompProfile") == {"type": "RuntimeDefault"},
        "host namespaces": not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(),
        "volumes": kinds <= {"configMap", "emptyDir", "secret", "persistentVolumeClaim", "projected"},
    }
    yield from (rule for rule, kept in rules.items() if not kept)
    for container in containers(pod):
        context = container.get("securityContext", {})
        rules = {
            "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is False,
            "capabilities": context.get("capabilities") == {"drop": ["ALL"]},
            "readOnlyRootFilesystem": context.get("readOnlyRootFilesystem") is True,
            "privileges": not {"privileged", "runAsUser", "procMount"} & context.keys(),
            "hostPort": not any("hostPort" in port for port in container.get("ports", [])),
        }
        yield from (f"{container['name']}: {rule}" for rule, kept in rules.items() if not kept)
