"""What a measurement holds for: the hardware, its power mode, and the version that measured. Reads the machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from importlib import metadata
from pathlib import Path

NVPMODEL = Path("/var/lib/nvpmodel/status")
CPUINFO = Path("/proc/cpuinfo")
DEVICE_MODEL = Path("/proc/device-tree/model")
_CPU = re.compile(r"^(?:model name|Hardware|CPU part)\s*:\s*(.+)$", re.MULTILINE)


def cores() -> int:
    """Processor cores of the node."""
    return os.cpu_count() or 1


def fingerprint(count: float, nvpmodel: Path = NVPMODEL) -> str:
    """16 hex digits; others as soon as board, processor, power mode, `count` of cores or our version is another one."""
    cpu = sorted(set(_CPU.findall(_text(CPUINFO))))
    facts = [platform.machine(), _text(DEVICE_MODEL), cpu, count, _text(nvpmodel), metadata.version("alpr-edge-agent")]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""
