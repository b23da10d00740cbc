"""A K3s node, from the host: its service, containerd's configuration, the kernel, the cluster's word on it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from alpr_edge_agent.doctor.facts import ModuleState, Node, NodeFolder
from alpr_edge_agent.doctor.look.gpu import is_jetson
from alpr_edge_agent.doctor.look.system import program, said, text_of

K3S_CONFIG: Final = Path("/etc/rancher/k3s/k3s.yaml")
CONTAINERD: Final = Path("/var/lib/rancher/k3s/agent/etc/containerd/config.toml")
REGISTRIES: Final = Path("/etc/rancher/k3s/registries.yaml")
EDGE: Final = Path("/var/lib/alpr-edge")
_MODULES: Final = ("br_netfilter", "overlay", "vxlan", "nf_conntrack", "xt_comment")
_SYSCTLS: Final = ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables")
_TOOLKITS: Final = ("/usr/local/nvidia/toolkit/nvidia-container-runtime", "/usr/bin/nvidia-container-runtime")


def has_k3s() -> bool:
    """Whether K3s is installed here."""
    return program("k3s") is not None or CONTAINERD.parent.parent.exists()


def look_at_node() -> Node:
    """This node."""
    name = platform.node()
    containerd, unread = _containerd()
    classes, labels, unasked = _cluster(name.lower())
    mirrors, registries_error = mirrors_of(text_of(REGISTRIES))
    return Node(
        root=os.geteuid() == 0,
        hostname=name,
        service=_service(),
        k3s_version=_version(),
        containerd=containerd,
        unread=unread,
        toolkit=next((path for path in _TOOLKITS if Path(path).is_file()), None),
        modules=_modules(),
        sysctls={name: text_of(f"/proc/sys/{name.replace('.', '/')}") for name in _SYSCTLS},
        memory_cgroup=_memory_cgroup(),
        runtime_classes=classes,
        labels=labels,
        unasked=unasked,
        folders=_folders(),
        mirrors=mirrors,
        registries_error=registries_error,
        jetson=is_jetson(),
    )


def _service() -> tuple[str, str] | None:
    for name in ("k3s", "k3s-agent"):
        if (Path("/etc/systemd/system") / f"{name}.service").exists():
            state = said(["systemctl", "is-active", name]).out
            return name, state or "of unknown state"
    return None


def _version() -> str | None:
    told = said(["k3s", "--version"])
    return told.out.partition("\n")[0] if told.code == 0 else None


def _containerd() -> tuple[str | None, str]:
    try:
        return CONTAINERD.read_text(), ""
    except PermissionError:
        return None, f"only root may read {CONTAINERD}"
    except OSError:
        return None, f"there is no {CONTAINERD}; has K3s ever started?"


def _modules() -> dict[str, ModuleState]:
    folder = Path("/lib/modules") / platform.release()
    built_in, files = text_of(folder / "modules.builtin"), text_of(folder / "modules.dep")
    return {name: module_state(name, built_in, files) for name in _MODULES}


def module_state(name: str, built_in: str | None, files: str | None) -> ModuleState:
    """What of a module, by the kernel's lists of what is built in and of files that can be loaded."""
    if Path(f"/sys/module/{name}").exists() or f"/{name}.ko" in (built_in or ""):
        return "loaded"
    if f"/{name}.ko" in (files or ""):
        return "there"
    return "unknown" if built_in is None else "missing"


def _memory_cgroup() -> bool | None:
    controllers = text_of("/sys/fs/cgroup/cgroup.controllers")
    if controllers:
        return "memory" in controllers.split()
    for line in (text_of("/proc/cgroups") or "").splitlines():
        fields = line.split()
        if fields[0] == "memory":
            return fields[-1] == "1"
    return None


def _cluster(name: str) -> tuple[tuple[str, ...] | None, Mapping[str, str] | None, str]:
    """RuntimeClasses and the node's labels, as kubectl finds its cluster; or why it could not be asked."""
    environment = os.environ.get("KUBECONFIG")
    if environment is None and K3S_CONFIG.exists() and not os.access(K3S_CONFIG, os.R_OK):
        return None, None, f"only root may read {K3S_CONFIG}; or set KUBECONFIG"
    command = ["kubectl"] if program("kubectl") else ["k3s", "kubectl"]
    if environment is None and K3S_CONFIG.exists():
        command += ["--kubeconfig", str(K3S_CONFIG)]
    classes, error = _asked([*command, "get", "runtimeclasses"])
    if classes is None:
        return None, None, f"no API server answers: {error}"
    node, error = _asked([*command, "get", "node", name])
    names = tuple(item["metadata"]["name"] for item in classes["items"])
    labels = node["metadata"].get("labels", {}) if node is not None else None
    return names, labels, "" if node is not None else f"the cluster shows no node {name}: {error}"


def _asked(command: list[str]) -> tuple[dict[str, Any] | None, str]:
    told = said([*command, "-o", "json", "--request-timeout=5s"])
    if told.code != 0:
        return None, (told.error or told.out).rpartition("\n")[2]
    try:
        return json.loads(told.out), ""
    except ValueError:
        return None, "what answers is no API server"


def _folders() -> tuple[NodeFolder, ...]:
    try:
        found = sorted(path for path in EDGE.iterdir() if path.is_dir())
    except OSError:
        return ()
    return tuple(NodeFolder(path.name, path.stat().st_uid) for path in found)


def mirrors_of(text: str | None) -> tuple[tuple[str, ...] | None, str]:
    """The registries that registries.yaml has mirrors of; None without a file; and what is wrong with it."""
    if text is None:
        return None, ""
    try:
        told = yaml.safe_load(text) or {}
        return tuple(told.get("mirrors") or {}), ""
    except yaml.YAMLError as e:
        return None, f"no YAML: {str(e).partition(chr(10))[0]}"
    except (AttributeError, TypeError):
        return None, "no map of mirrors"
