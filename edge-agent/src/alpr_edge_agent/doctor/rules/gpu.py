"""Jetsons and discrete GPUs. Pure. Not verified on a Jetson."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from alpr_edge_agent.doctor.facts import DiscreteGpu, Jetson, Machine
from alpr_edge_agent.doctor.findings import Finding, Group

GPU: Final = Group("GPU")
JETPACK: Final = {32: "4", 34: "5", 35: "5", 36: "6", 38: "7"}
OLDEST_L4T: Final = 36
LITTLE_BYTES: Final = 9 << 30


def jetson(seen: Jetson, around: Machine) -> Iterator[Finding]:
    """What a Jetson needs to be as quick as it can be."""
    yield GPU.ok("board", seen.model)
    yield _release(seen)
    yield _power_mode(seen)
    yield _clocks(seen)
    for name, there in seen.libraries.items():
        yield _library(name, there=there)
    yield _decoder(seen)
    yield _swap(around)


def _release(seen: Jetson) -> Finding:
    if seen.l4t is None:
        return GPU.not_checked("JetPack", "/etc/nv_tegra_release is not there or not as expected")
    told = f"Jetson Linux {'.'.join(map(str, seen.l4t))}"
    jetpack = JETPACK.get(seen.l4t[0])
    if seen.l4t[0] < OLDEST_L4T:
        return GPU.problem("JetPack", f"{told}, JetPack {jetpack or '?'}", "flash JetPack 6: we need TensorRT 10")
    return GPU.ok("JetPack", f"{told}, JetPack {jetpack}" if jetpack else f"{told}, newer than we know")


def _power_mode(seen: Jetson) -> Finding:
    if seen.power_mode is None:
        return GPU.not_checked("power mode", "nvpmodel does not say it", "as root: nvpmodel -q")
    if seen.power_mode.upper().startswith("MAXN"):
        return GPU.ok("power mode", seen.power_mode)
    advice = "if supply and cooling bear it, choose a larger one from /etc/nvpmodel.conf: sudo nvpmodel -m ID"
    return GPU.warning("power mode", seen.power_mode, advice)


def _clocks(seen: Jetson) -> Finding:
    if seen.clocks_fixed is None:
        return GPU.not_checked("clocks", "the kernel shows no range of frequencies")
    if seen.clocks_fixed:
        return GPU.ok("clocks", "fixed at their highest (jetson_clocks)")
    return GPU.ok("clocks", "follow the load; sudo jetson_clocks fixes them at their highest, for measurements")


def _library(name: str, *, there: bool) -> Finding:
    if there:
        return GPU.ok(name, "in reach of the loader")
    return GPU.warning(
        name, "not in reach of the loader", "sudo apt-get install nvidia-jetpack; in a pod: runtime class nvidia"
    )


def _decoder(seen: Jetson) -> Finding:
    if seen.nvv4l2decoder is None:
        return GPU.not_checked("nvv4l2decoder", "gst-inspect-1.0 is missing", "sudo apt-get install gstreamer1.0-tools")
    if seen.nvv4l2decoder:
        return GPU.ok("nvv4l2decoder", "GStreamer has it; this version decodes on the CPU")
    return GPU.warning("nvv4l2decoder", "GStreamer lacks it", "sudo apt-get install nvidia-l4t-gstreamer")


def _swap(around: Machine) -> Finding:
    told = f"{around.swap_bytes / 1e9:.1f} GB{', zram' if around.zram else ''}"
    if around.swap_bytes == 0 and around.memory_bytes < LITTLE_BYTES:
        advice = "CPU and GPU share its memory: sudo systemctl enable --now nvzramconfig gives some back"
        return GPU.warning("swap", "none", advice)
    return GPU.ok("swap", told if around.swap_bytes else "none, memory is ample")


def discrete(seen: DiscreteGpu) -> Iterator[Finding]:
    """NVIDIA's cards in a PC or server."""
    if seen.cards:
        yield from (GPU.ok("card", f"{card}; this version does not use it yet") for card in seen.cards)
    elif seen.present:
        told = f"a card without a working driver{': ' + seen.error if seen.error else ''}"
        yield GPU.warning("card", told, "install NVIDIA's driver, then nvidia-smi shows it; the CPU serves meanwhile")
    else:
        yield GPU.ok("card", "none; everything runs on the CPU")
