"""What the doctor can know of a machine. A field that is None could not be learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor, memory, limits.

    Attributes:
        cores: that this process may use, after affinity and the cgroup's quota.
        instructions: the flags of /proc/cpuinfo: avx2 on x86-64, asimd (NEON) on aarch64.
        open_files: the hard limit.
        in_pod: runs in a pod: what is said of the host's services then is not seen.
    """

    python: tuple[int, int, int]
    cores: float
    architecture: str
    instructions: frozenset[str]
    memory_bytes: int
    open_files: int
    inotify_watches: int | None
    inotify_instances: int | None
    swap_bytes: int = 0
    zram: bool = False
    in_pod: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day. `synchronised` is None where nobody says it; `by` names who says it."""

    year: int
    synchronised: bool | None
    by: str = "the kernel"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that keeps events.

    Attributes:
        exists: where it does not, the rest is of the nearest folder above it.
        kind: of its file system, as /proc/self/mountinfo names it.
        fsync_s: median of small durable writes; None where it cannot be written.
        error: why it cannot be written, in the system's words.
    """

    path: Path
    exists: bool
    kind: str
    free_bytes: int
    total_bytes: int
    fsync_s: float | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port on 127.0.0.1; `ours` where the `alpr up` of the data folder holds it."""

    number: int
    purpose: str
    free: bool
    ours: bool = False


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """A model that is known, as `alpr models list` has it; `opens` is ONNX Runtime's word, empty where it does."""

    name: str
    state: str
    install: str
    opens: str | None = None


@dataclass(frozen=True, slots=True)
class Engines:
    """Libraries that compute. `onnxruntime` and `av` are versions, or None where they cannot be imported."""

    onnxruntime: str | None
    providers: tuple[str, ...]
    av: str | None
    codecs: frozenset[str]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Jetson:
    """A Jetson board; `l4t` as (36, 4, 3). `libraries` says of each name whether the loader can find it."""

    model: str
    l4t: tuple[int, ...] | None
    power_mode: str | None
    clocks_fixed: bool | None
    libraries: Mapping[str, bool]
    nvv4l2decoder: bool | None


@dataclass(frozen=True, slots=True)
class DiscreteGpu:
    """NVIDIA cards by nvidia-smi; `present` where the PCI bus shows one, whatever nvidia-smi says."""

    present: bool
    cards: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class CameraSeen:
    """What a camera gave; `error` is empty where a picture came. Neither holds a password."""

    name: str
    where: str
    error: str = ""
    stream: str = ""
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class OutboxSeen:
    """An outbox as it lies on disk, opened for reading only; `refused` where this user may not look."""

    path: Path
    version: int
    known_version: int
    events: int
    images: int
    dropped: int
    size_bytes: int
    spool_bytes: int
    oldest_s: float | None
    damaged: tuple[str, ...] = ()
    error: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """A site's folder on a node, /var/lib/alpr-edge/NAMESPACE, and who owns it."""

    name: str
    uid: int


ModuleState: TypeAlias = Literal["loaded", "there", "missing", "unknown"]
"""loaded: or built in. there: can be loaded. unknown: the kernel's list of modules is not here."""


@dataclass(frozen=True, slots=True)
class Node:
    """A K3s node, seen from the host.

    Attributes:
        service: which of k3s and k3s-agent is installed, and its state; None where there is none.
        containerd: text of K3s's containerd configuration; None where it cannot be read, with `unread` saying why.
        toolkit: where nvidia-container-runtime lies, where K3s looks for it.
        modules: of the kernel, by name.
        sysctls: values by name; None where there is none.
        runtime_classes: names in the cluster; None where no API server could be asked.
        labels: of this node in the cluster; None likewise. `unasked` says why.
        registries: text of registries.yaml, or None; `registries_error` where it is no YAML or has no mirrors.
    """

    root: bool
    hostname: str
    service: tuple[str, str] | None
    k3s_version: str | None
    containerd: str | None
    unread: str
    toolkit: str | None
    modules: Mapping[str, ModuleState]
    sysctls: Mapping[str, str | None]
    memory_cgroup: bool | None
    runtime_classes: tuple[str, ...] | None
    labels: Mapping[str, str] | None
    unasked: str
    folders: tuple[NodeFolder, ...]
    mirrors: tuple[str, ...] | None
    registries_error: str = ""
    jetson: bool = False


Stage: TypeAlias = Literal["settings", "name", "connection", "TLS", ""]


@dataclass(frozen=True, slots=True)
class Hop:
    """A server on the way out. `failed` is the first stage that did not work, empty where all did."""

    what: str
    variable: str
    host: str
    port: int
    tls: bool
    failed: Stage = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where the agent shall send. `unset` are variables that say where and are not there."""

    hops: tuple[Hop, ...] = ()
    unset: tuple[str, ...] = ()
    errors: tuple[str, ...] = field(default=())
