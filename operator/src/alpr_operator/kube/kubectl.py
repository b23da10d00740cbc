"""Objects by kubectl, as the person at the keyboard has it. The only module here that speaks to a cluster."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from alpr_operator.kube.errors import KubeError, NoAccess, NotInstalled, NotThere, Refused, Unreachable

Object = dict[str, Any]
MANAGER: Final = "kubectl-alpr"
SITES, CAMERAS = "alprsites.ovr-alpr.io", "cameras.ovr-alpr.io"
ASSIGNMENTS, REPORTS = "edgeassignments.ovr-alpr.io", "edgereports.ovr-alpr.io"
NODES = "nodes"
INSTALL: Final = "helm install alpr-operator helm/alpr-operator --namespace alpr-system --create-namespace"


@dataclass(frozen=True, slots=True)
class Target:
    """Which cluster and namespace; None stands for what kubectl takes by itself."""

    context: str | None = None
    kubeconfig: str | None = None
    namespace: str | None = None
    all_namespaces: bool = False

    def everywhere(self) -> Target:
        """The same cluster, all namespaces."""
        return Target(self.context, self.kubeconfig, None, all_namespaces=True)

    def within(self, namespace: str) -> Target:
        """The same cluster, one namespace."""
        return Target(self.context, self.kubeconfig, namespace)

    @property
    def where(self) -> str:
        """In words."""
        if self.all_namespaces:
            return "any namespace"
        return f"namespace {self.namespace}" if self.namespace else "the current namespace"


class Cluster(Protocol):
    """What the commands need of a cluster."""

    target: Target

    def get(self, *kinds: str, target: Target | None = None, name: str | None = None) -> list[Object]:
        """All objects of `kinds` in the target, or those called `name`. Raises KubeError."""

    def names(self, kind: str) -> list[str]:
        """The names alone, soon or not at all. Raises KubeError."""

    def patch(self, kind: str, name: str, namespace: str | None, change: Mapping[str, Any], *, dry_run: bool) -> None:
        """Merge `change` into one object. Raises KubeError."""

    def apply(self, manifests: Sequence[Object], *, dry_run: bool) -> str:
        """Apply `manifests` server-side; what kubectl says of it. Raises KubeError."""


class Kubectl:
    """A cluster by kubectl.

    Args:
        program: the command to call.
    """

    def __init__(self, target: Target, program: str = "kubectl") -> None:
        self.target = target
        self._program = program

    def get(self, *kinds: str, target: Target | None = None, name: str | None = None) -> list[Object]:
        """See Cluster."""
        # Server-side field managers tell when an agent last wrote its report, so they are asked for.
        arguments = ["get", ",".join(kinds), "-o", "json", *_scope(target or self.target)]
        arguments += ["--show-managed-fields"] if REPORTS in kinds else []
        arguments += [f"--field-selector=metadata.name={name}"] if name else []
        found = json.loads(self._run(arguments) or "{}")
        return list(found.get("items") or ())

    def names(self, kind: str) -> list[str]:
        """See Cluster."""
        found = self._run(["get", kind, "-o", "name", "--request-timeout=3s", *_scope(self.target)])
        return [line.rpartition("/")[2] for line in found.splitlines()]

    def patch(self, kind: str, name: str, namespace: str | None, change: Mapping[str, Any], *, dry_run: bool) -> None:
        """See Cluster."""
        arguments = ["patch", kind, name, "--type=merge", f"--field-manager={MANAGER}", "-p", json.dumps(change)]
        arguments += ["-n", namespace] if namespace else []
        arguments += ["--dry-run=server"] if dry_run else []
        self._run(arguments)

    def apply(self, manifests: Sequence[Object], *, dry_run: bool) -> str:
        """See Cluster."""
        arguments = ["apply", "--server-side", f"--field-manager={MANAGER}", "-f", "-"]
        arguments += ["--dry-run=server"] if dry_run else []
        return self._run(arguments, "".join(f"---\n{json.dumps(manifest)}\n" for manifest in manifests))

    def _run(self, arguments: Sequence[str], given: str | None = None) -> str:
        command = [self._program, *_cluster(self.target), *arguments]
        try:
            done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        except FileNotFoundError as e:
            message = "kubectl is not on the PATH; install it: https://kubernetes.io/docs/tasks/tools/"
            raise Unreachable(message) from e
        if done.returncode:
            raise error_of(done.stderr)
        return done.stdout


def _cluster(target: Target) -> list[str]:
    arguments = [f"--context={target.context}"] if target.context else []
    return [*arguments, f"--kubeconfig={target.kubeconfig}"] if target.kubeconfig else arguments


def _scope(target: Target) -> list[str]:
    if target.all_namespaces:
        return ["--all-namespaces"]
    return ["-n", target.namespace] if target.namespace else []


_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<what>[^"]+)"(?: in API group "(?P<group>[^"]*)")?'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_UNREACHABLE = re.compile(
    r"Unable to connect to the server|connection to the server .* was refused|connect: connection refused|i/o timeout"
    r"|no such host|context \S+ does not exist|no configuration has been provided|context was not found"
    r"|couldn't get current server API group list"
)


def error_of(told: str) -> KubeError:
    """What kubectl's standard error means; pure."""
    text = told.strip() or "kubectl failed and said nothing"
    if found := _FORBIDDEN.search(text):
        return NoAccess(_right_missing(found))
    if "the server doesn't have a resource type" in text or "no matches for kind" in text:
        return NotInstalled(
            f"this cluster does not know AlprSite and Camera; install the operator with its CRDs: {INSTALL}"
        )
    if "(NotFound)" in text:
        return NotThere(text.splitlines()[-1].removeprefix("Error from server (NotFound): "))
    if _UNREACHABLE.search(text):
        line = text.splitlines()[-1]
        return Unreachable(f"the API server is not reached: {line}; look at --context and --kubeconfig")
    return Refused(text)


def _right_missing(found: re.Match[str]) -> str:
    user, verb, what = found["user"], found["verb"], found["what"]
    resource = f"{what}.{found['group']}" if found["group"] else what
    where = f"-n {found['namespace']}" if found["namespace"] else "in all namespaces"
    role = "view" if verb in ("get", "list", "watch") else "edit or admin"
    ask = f"ask for the role {role}" if found["group"] == "ovr-alpr.io" else "ask for that right"
    test = f"kubectl auth can-i {verb} {resource} {where if found['namespace'] else '-A'}"
    return f"{user} may not {verb} {resource} {where}; {ask} there (test: {test})"
