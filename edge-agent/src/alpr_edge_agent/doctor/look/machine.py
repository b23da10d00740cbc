"""Processor, memory, limits, clock, ports."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import resource
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alpr_edge_agent.doctor.facts import Clock, Machine, Port
from alpr_edge_agent.doctor.look.system import number_of, text_of

PURPOSES: Final = {8000: "the page and the API", 8001: "the pipeline's figures"}
_FLAGS: Final = re.compile(r"^(?:flags|Features)\s*:\s*(.+)$", re.MULTILINE)
_INOTIFY: Final = "/proc/sys/fs/inotify"
_TIME_ERROR: Final = 5
_STATUS_UNSYNCHRONISED: Final = 0x40


def in_pod() -> bool:
    """Whether Kubernetes started us."""
    return "KUBERNETES_SERVICE_HOST" in os.environ


def look_at_machine() -> Machine:
    """This machine."""
    memory = _meminfo()
    pod = in_pod()
    # A pod's limits are the chart's, and meant; in any other container they are what there is.
    cores, limit = (float("inf"), sys.maxsize) if pod else (_quota(), _memory_limit())
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Machine(
        python=sys.version_info[:3],
        cores=min(len(os.sched_getaffinity(0)), cores),
        architecture=platform.machine(),
        instructions=frozenset(" ".join(_FLAGS.findall(text_of("/proc/cpuinfo") or "")).split()),
        memory_bytes=min(memory.get("MemTotal", 0), limit),
        open_files=most if most != resource.RLIM_INFINITY else 1 << 20,
        inotify_watches=number_of(f"{_INOTIFY}/max_user_watches"),
        inotify_instances=number_of(f"{_INOTIFY}/max_user_instances"),
        swap_bytes=memory.get("SwapTotal", 0),
        zram="/dev/zram" in (text_of("/proc/swaps") or ""),
        in_pod=pod,
    )


def _meminfo() -> dict[str, int]:
    lines = (text_of("/proc/meminfo") or "").splitlines()
    parted = (line.partition(":") for line in lines)
    return {name: int(rest.split()[0]) * 1024 for name, _, rest in parted if rest.strip()}


def _quota() -> float:
    """Cores by the cgroup's quota; infinite where there is none."""
    told = (text_of("/sys/fs/cgroup/cpu.max") or "max").split()
    if len(told) == 2 and told[0].isdigit():
        return int(told[0]) / int(told[1])
    return float("inf")


def _memory_limit() -> int:
    return number_of("/sys/fs/cgroup/memory.max") or sys.maxsize


class _Timex(ctypes.Structure):
    """The beginning of Linux' struct timex; the rest is room that the call may write."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def look_at_clock() -> Clock:
    """The clock, by the kernel's own word, which chrony, ntpd and systemd-timesyncd all keep."""
    year = time.gmtime().tm_year
    if Path("/run/systemd/timesync/synchronized").exists():
        return Clock(year, True, "systemd-timesyncd")
    told = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    except (OSError, AttributeError):
        return Clock(year, None)
    if state < 0:
        return Clock(year, None)
    return Clock(year, state != _TIME_ERROR and not told.status & _STATUS_UNSYNCHRONISED)


def look_at_ports(data: Path) -> Iterator[Port]:
    """The ports of `alpr up`, and whether the one that runs on `data` holds them."""
    own = _running(data)
    for number, purpose in PURPOSES.items():
        free = _free(number)
        yield Port(number, purpose, free, ours=not free and own)


def _running(data: Path) -> bool:
    """Whether an `alpr up` runs on the folder: it keeps its number in running.json while it does."""
    try:
        return Path(f"/proc/{int(json.loads((data / 'running.json').read_text())['pid'])}").exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
        return True
