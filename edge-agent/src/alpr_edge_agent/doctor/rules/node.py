"""A K3s node. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from alpr_edge_agent.doctor.facts import Folder, ModuleState, Node
from alpr_edge_agent.doctor.findings import Finding, Group
from alpr_edge_agent.doctor.rules.folder import folder

NODE: Final = Group("node")
PLACE: Final = Group("node's folder")
USER: Final = 10001
SITE_LABEL: Final = "ovr-alpr.io/site"
CLASS_LABEL: Final = "ovr-alpr.io/node-class"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NVIDIA: Final = re.compile(r"""\.runtimes\.['"]?nvidia['"]?\]""")
_SYSCTLS: Final = {
    "net.ipv4.ip_forward": "pods cannot be reached",
    "net.bridge.bridge-nf-call-iptables": "Services fail",
}
_AS_ROOT: Final = "run it as root: sudo alpr doctor --node"


def node(seen: Node) -> Iterator[Finding]:
    """Whether K3s runs as edge pods need it."""
    yield _service(seen)
    yield _hostname(seen)
    yield from _kernel(seen)
    yield _cgroup(seen)
    yield from _runtime(seen)
    yield from _labels(seen)
    yield from _folders(seen)
    yield _registries(seen)


def place(seen: Node, told: Folder) -> Iterator[Finding]:
    """Whether events that lie below /var/lib/alpr-edge stay; only root can try."""
    if seen.root:
        yield from folder(told, PLACE)
    else:
        yield PLACE.not_checked("folder", f"only root may write {told.path}", _AS_ROOT)


def _service(seen: Node) -> Finding:
    if seen.service is None and seen.k3s_version is None:
        return NODE.problem("K3s", "not installed", "see docs/install-jetson.md, step 3")
    if seen.service is None:
        return NODE.not_checked("K3s", f"systemd does not know its service ({seen.k3s_version} is installed)")
    name, state = seen.service
    if state != "active":
        return NODE.problem(
            "K3s", f"{name} is {state}", f"sudo systemctl enable --now {name}; then journalctl -u {name}"
        )
    return NODE.ok("K3s", f"{name} is active, {seen.k3s_version or 'of unknown version'}")


def _hostname(seen: Node) -> Finding:
    if len(seen.hostname) <= 253 and _NAME.fullmatch(seen.hostname.lower()):
        return NODE.ok("host name", seen.hostname.lower())
    advice = "sudo hostnamectl set-hostname NAME with small letters, digits and hyphens, then restart k3s"
    return NODE.problem("host name", f"{seen.hostname!r} cannot name a node", advice)


def _kernel(seen: Node) -> Iterator[Finding]:
    yield _modules(seen)
    for name, effect in _SYSCTLS.items():
        value = seen.sysctls.get(name)
        if value == "1":
            yield NODE.ok(name, value)
        elif not _runs(seen):
            yield NODE.ok(name, f"{value or 'not there'}; K3s sets it when it starts")
        else:
            advice = f"sudo sysctl -w {name}=1, and the same line without -w in /etc/sysctl.d/90-k3s.conf"
            yield NODE.problem(name, f"{value or 'not there'}: {effect}", advice)


def _runs(seen: Node) -> bool:
    return seen.service is not None and seen.service[1] == "active"


def _modules(seen: Node) -> Finding:
    def those(state: ModuleState) -> str:
        return " ".join(sorted(name for name, found in seen.modules.items() if found == state))

    if missing := those("missing"):
        advice = "use a kernel that has them; sudo k3s check-config says what each is for"
        return NODE.problem("kernel modules", f"this kernel lacks {missing}", advice)
    if (waiting := those("there")) and _runs(seen):
        # Not every installation asks for all: flannel may do without VXLAN, iptables' newer form without xt_comment.
        advice = f"where Services fail: sudo modprobe -a {waiting}, and name them in /etc/modules-load.d/k3s.conf"
        return NODE.warning("kernel modules", f"not loaded: {waiting}", advice)
    if unknown := those("unknown"):
        return NODE.not_checked("kernel modules", f"the kernel's list is not here; of {unknown} nothing is known")
    return NODE.ok("kernel modules", "loaded, or K3s loads them when it starts")


def _cgroup(seen: Node) -> Finding:
    if seen.memory_cgroup is None:
        return NODE.not_checked("memory cgroup", "/sys/fs/cgroup and /proc/cgroups do not say it")
    if not seen.memory_cgroup:
        advice = (
            "add cgroup_enable=memory to the kernel's command line (APPEND in /boot/extlinux/extlinux.conf), reboot"
        )
        return NODE.problem("memory cgroup", "off: kubelet does not start", advice)
    return NODE.ok("memory cgroup", "on")


def _runtime(seen: Node) -> Iterator[Finding]:
    if not seen.jetson and seen.toolkit is None:
        yield NODE.not_checked("nvidia runtime", "this is no Jetson and has no nvidia-container-runtime")
        return
    if seen.toolkit is None:
        advice = "sudo apt-get install nvidia-container-toolkit, then restart k3s: it looks in /usr/bin at each start"
        yield NODE.problem("nvidia runtime", "nvidia-container-runtime is not in /usr/bin", advice)
    elif seen.containerd is None:
        yield NODE.not_checked("nvidia runtime", seen.unread, _AS_ROOT)
    elif not _NVIDIA.search(seen.containerd):
        yield NODE.problem("nvidia runtime", "containerd does not know it", "sudo systemctl restart k3s (or k3s-agent)")
    else:
        yield NODE.ok("nvidia runtime", f"containerd runs {seen.toolkit}")
    if seen.runtime_classes is None:
        yield NODE.not_checked("RuntimeClass nvidia", seen.unasked)
    elif "nvidia" not in seen.runtime_classes:
        yield NODE.problem(
            "RuntimeClass nvidia", "the cluster has none", "kubectl apply -f the object in docs/install-jetson.md"
        )
    else:
        yield NODE.ok("RuntimeClass nvidia", "there")


def _labels(seen: Node) -> Iterator[Finding]:
    if seen.labels is None:
        yield NODE.not_checked("labels", seen.unasked)
        return
    yield _label(seen.labels, SITE_LABEL, seen.hostname.lower(), "SITE")
    yield _label(seen.labels, CLASS_LABEL, seen.hostname.lower(), "jetson-orin-nx, cpu or another")


def _label(labels: Mapping[str, str], name: str, node_name: str, example: str) -> Finding:
    if name in labels:
        return NODE.ok(name, labels[name])
    advice = f"kubectl label node {node_name} {name}=… ({example}), unless the AlprSite selects nodes in another way"
    return NODE.warning(name, "the node has no such label", advice)


def _folders(seen: Node) -> Iterator[Finding]:
    if not seen.folders:
        yield NODE.ok("node's folders", "none yet below /var/lib/alpr-edge; the first edge pod makes its own")
    for found in seen.folders:
        if not _NAME.fullmatch(found.name):
            continue  # no site's: lost+found, where a disk of its own is mounted
        check = f"/var/lib/alpr-edge/{found.name}"
        if found.uid == USER:
            yield NODE.ok(check, f"belongs to user {USER}")
        else:
            told = f"belongs to user {found.uid}, the agent runs as {USER}"
            yield NODE.problem(check, told, f"sudo chown {USER}:{USER} {check}; the pod does so at its next start")


def _registries(seen: Node) -> Finding:
    if seen.registries_error:
        return NODE.problem("registries.yaml", seen.registries_error, "correct it, then restart k3s")
    if seen.mirrors is None:
        return NODE.ok("registries.yaml", "none: images come from where they are named, or from agent/images")
    return NODE.ok("registries.yaml", f"mirrors of {', '.join(seen.mirrors) or 'nothing'}")
