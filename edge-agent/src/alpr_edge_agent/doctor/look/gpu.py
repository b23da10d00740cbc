"""Jetsons by the files of their release, discrete GPUs by nvidia-smi. Not verified on a Jetson."""

from __future__ import annotations

import re
from ctypes.util import find_library
from pathlib import Path
from typing import Final

from alpr_edge_agent.doctor.facts import DiscreteGpu, Jetson
from alpr_edge_agent.doctor.look.system import number_of, program, said, text_of

_RELEASE: Final = re.compile(r"R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)")
_POWER: Final = re.compile(r"NV Power Mode:\s*(\S+)")
_LIBRARIES: Final = {"CUDA driver": "cuda", "CUDA runtime": "cudart", "TensorRT": "nvinfer"}
_FOLDERS: Final = (
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu/nvidia",
    "/usr/lib/aarch64-linux-gnu/tegra",
    "/usr/local/cuda/lib64",
)
_NVIDIA: Final = "0x10de"
_QUERY: Final = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")


def is_jetson() -> bool:
    """Whether this board is one."""
    told = text_of("/proc/device-tree/model") or ""
    return Path("/etc/nv_tegra_release").exists() or "Jetson" in told


def look_at_jetson() -> Jetson:
    """The board, its release and its modes."""
    return Jetson(
        model=text_of("/proc/device-tree/model") or "a Jetson",
        l4t=release_of(text_of("/etc/nv_tegra_release") or ""),
        power_mode=power_mode_of(said(["nvpmodel", "-q"]).out),
        clocks_fixed=_clocks_fixed(),
        libraries={name: _in_reach(library) for name, library in _LIBRARIES.items()},
        nvv4l2decoder=_has_decoder(),
    )


def release_of(text: str) -> tuple[int, ...] | None:
    """Jetson Linux' version out of /etc/nv_tegra_release: `# R36 (release), REVISION: 4.3, …` is (36, 4, 3)."""
    found = _RELEASE.search(text)
    if found is None:
        return None
    return (int(found[1]), *(int(part) for part in found[2].split(".") if part))


def power_mode_of(text: str) -> str | None:
    """The mode's name out of `nvpmodel -q`: `NV Power Mode: MAXN`."""
    found = _POWER.search(text)
    return found[1] if found else None


def _clocks_fixed() -> bool | None:
    folder = Path("/sys/devices/system/cpu/cpu0/cpufreq")
    least, most = number_of(folder / "scaling_min_freq"), number_of(folder / "scaling_max_freq")
    return None if least is None or most is None else least == most


def _in_reach(library: str) -> bool:
    if find_library(library):
        return True
    return any(next(Path(folder).glob(f"lib{library}.so*"), None) for folder in _FOLDERS)


def _has_decoder() -> bool | None:
    if program("gst-inspect-1.0") is None:
        return None
    return said(["gst-inspect-1.0", "--exists", "nvv4l2decoder"]).code == 0


def look_at_cards() -> DiscreteGpu:
    """NVIDIA's cards, by its own tool and by the PCI bus."""
    told = said(_QUERY)
    cards = tuple(line.strip() for line in told.out.splitlines()) if told.code == 0 else ()
    error = "" if told.code == 0 else (told.error or told.out).partition("\n")[0]
    return DiscreteGpu(bool(cards) or _on_the_bus(), cards, error)


def _on_the_bus() -> bool:
    devices = Path("/sys/bus/pci/devices")
    found = devices.iterdir() if devices.is_dir() else ()
    return any(
        text_of(device / "vendor") == _NVIDIA and (text_of(device / "class") or "").startswith("0x03")
        for device in found
    )
