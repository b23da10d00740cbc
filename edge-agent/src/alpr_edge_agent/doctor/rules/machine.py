"""Processor, memory, clock, limits, ports and libraries. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from alpr_edge_agent.doctor.facts import Clock, Engines, Machine, ModelSeen, Port
from alpr_edge_agent.doctor.findings import Finding, Group

MACHINE: Final = Group("machine")
VISION: Final = Group("vision")
PYTHON: Final = (3, 11)
GIB: Final = 1 << 30
MEMORY_BYTES: Final = (2 * GIB, 4 * GIB)  # less is a problem; less than the second is little
OPEN_FILES: Final = 4096
INOTIFY_INSTANCES: Final = 128
YEARS: Final = range(2025, 2100)
_ADVICE_CLOCK: Final = "switch on a time service: sudo timedatectl set-ntp true, or install chrony"
_NEEDED: Final = {
    "x86_64": ("avx2", "AVX2", "ONNX Runtime runs several times slower without; use a processor since 2013"),
    "aarch64": ("asimd", "NEON", "use a 64-bit ARMv8 processor"),
}


def machine(seen: Machine) -> Iterator[Finding]:
    """Python, processor, memory and limits."""
    version = ".".join(map(str, seen.python))
    if seen.python[:2] < PYTHON:
        yield MACHINE.problem("Python", version, "install Python 3.11 or newer, then make .venv anew: make setup")
    else:
        yield MACHINE.ok("Python", version)
    yield _cores(seen)
    yield _instructions(seen)
    yield _memory(seen)
    yield _open_files(seen)
    yield _inotify(seen)


def _cores(seen: Machine) -> Finding:
    told = f"{seen.cores:g} usable"
    if seen.cores < 2:
        return MACHINE.warning("cores", told, "give it two: one is taken by the pipeline, and delivery waits for it")
    return MACHINE.ok("cores", told)


def _instructions(seen: Machine) -> Finding:
    needed = _NEEDED.get(seen.architecture)
    if needed is None:
        return MACHINE.problem("instructions", seen.architecture, "use an x86-64 or a 64-bit ARM machine")
    flag, name, advice = needed
    if not seen.instructions:
        return MACHINE.not_checked("instructions", "/proc/cpuinfo names none")
    if flag not in seen.instructions:
        return MACHINE.warning("instructions", f"{seen.architecture} without {name}", advice)
    return MACHINE.ok("instructions", f"{seen.architecture} with {name}")


def _memory(seen: Machine) -> Finding:
    told = f"{seen.memory_bytes / GIB:.1f} GiB"
    least, fine = MEMORY_BYTES
    if seen.memory_bytes < least * 0.9:  # a board of 2 GiB shows somewhat less
        return MACHINE.problem("memory", told, "give it 2 GiB at least: models and one camera take about 1 GiB")
    if seen.memory_bytes < fine * 0.9:
        return MACHINE.warning("memory", told, "enough for one or two cameras; 4 GiB leave room for the database")
    return MACHINE.ok("memory", told)


def _open_files(seen: Machine) -> Finding:
    told = f"{seen.open_files} at most"
    if seen.open_files < OPEN_FILES:
        advice = f"raise it to {OPEN_FILES}: ulimit -n {OPEN_FILES}, or LimitNOFILE= of the unit"
        return MACHINE.warning("open files", told, advice)
    return MACHINE.ok("open files", told)


def _inotify(seen: Machine) -> Finding:
    if seen.inotify_instances is None:
        return MACHINE.not_checked("inotify", "this kernel shows no limit of it")
    told = f"{seen.inotify_instances} instances, {seen.inotify_watches} watches"
    if seen.inotify_instances < INOTIFY_INSTANCES:
        return MACHINE.warning("inotify", told, f"sudo sysctl fs.inotify.max_user_instances={INOTIFY_INSTANCES * 4}")
    return MACHINE.ok("inotify", told)


def clock(seen: Clock) -> Iterator[Finding]:
    """The time of day: events bear it."""
    if seen.year not in YEARS:
        yield MACHINE.problem("clock", f"the year is {seen.year}", f"{_ADVICE_CLOCK}; events would bear that year")
    elif seen.synchronised is None:
        yield MACHINE.not_checked("clock", "neither kernel nor time service says whether it is synchronised")
    elif not seen.synchronised:
        advice = f"{_ADVICE_CLOCK}; live cameras' events bear this clock's time. A host may keep a guest's clock itself"
        yield MACHINE.warning("clock", f"{seen.by} says that it is not synchronised", advice)
    else:
        yield MACHINE.ok("clock", f"synchronised, says {seen.by}")


def ports(seen: Iterable[Port]) -> Iterator[Finding]:
    """The ports of `alpr up`."""
    for port in seen:
        check = f"port {port.number}"
        if port.ours:
            yield MACHINE.ok(check, f"held by the alpr up of this data folder ({port.purpose})")
        elif port.free:
            yield MACHINE.ok(check, f"free, for {port.purpose}")
        else:
            advice = f"see who: ss -ltnp 'sport = :{port.number}'; or choose another: alpr up {_option(port)}"
            yield MACHINE.warning(check, f"taken by another program, wanted for {port.purpose}", advice)


def _option(port: Port) -> str:
    return f"--metrics-port {port.number + 100}" if "figures" in port.purpose else f"--port {port.number + 80}"


def engines(seen: Engines) -> Iterator[Finding]:
    """ONNX Runtime and FFmpeg."""
    if seen.onnxruntime is None:
        yield VISION.problem("ONNX Runtime", seen.error or "cannot be imported", "run `make setup`")
    elif "CPUExecutionProvider" not in seen.providers:
        yield VISION.problem("ONNX Runtime", f"{seen.onnxruntime} without a CPU provider", "install onnxruntime anew")
    else:
        names = ", ".join(name.removesuffix("ExecutionProvider") for name in seen.providers)
        yield VISION.ok("ONNX Runtime", f"{seen.onnxruntime}, providers {names}; we use the CPU's")
    missing = {"h264", "hevc"} - seen.codecs
    if seen.av is None:
        yield VISION.problem("decoder", "PyAV cannot be imported", "run `make setup`")
    elif missing:
        advice = "install the PyAV of PyPI, whose FFmpeg has both: run `make setup`"
        yield VISION.problem("decoder", f"PyAV {seen.av} without {' and '.join(sorted(missing))}", advice)
    else:
        yield VISION.ok("decoder", f"PyAV {seen.av} decodes H.264 and H.265 on the CPU")


def models(seen: Iterable[ModelSeen], *, by_digest: bool = False) -> Iterator[Finding]:
    """The models; with `by_digest` the agent fetches those that the site names, and none need be installed."""
    for model in seen:
        check = f"model {model.name}"
        if model.opens:
            yield VISION.problem(check, model.opens, "delete the file, it is made anew; then `alpr models list`")
        elif model.state == "ready":
            yield VISION.ok(check, "there, its digest is right, ONNX Runtime opens it")
        elif model.state == "installed":
            yield VISION.ok(check, "its package is installed and right; converted at first use")
        elif model.state == "damaged":
            yield VISION.problem(
                check, "the package's file is not the pinned one", f"run `{model.install} --reinstall`"
            )
        elif by_digest:
            yield VISION.not_checked(check, "on a node the agent fetches the models that the AlprSite names, by digest")
        else:
            yield VISION.problem(check, "not installed", f"run `make setup`, or `{model.install}`")
