"""Starts a trial in a process of its own: a model that crashes, hangs or eats memory harms nobody else."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from alpr_edge_agent.errors import TrialFailed
from alpr_edge_agent.models.chosen import ChosenModels
from alpr_edge_agent.trial import TrialResult

WITHIN_S = 300.0
LOOK_EVERY_S = 0.2


def run_trial(data: Path, pair: ChosenModels, ended: Callable[[float], bool]) -> TrialResult:
    """The result of `pair` over the clip. Blocks for minutes at most; `ended` waits so many seconds and says to stop.

    Raises TrialFailed: the models cannot be opened or do not survive the clip.
    """
    argv = [sys.executable, "-m", "alpr_edge_agent", "trial", "--data", str(data)]
    argv += ["--models", pair.model_dump_json(exclude_none=True)]
    deadline = time.monotonic() + WITHIN_S
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, err = _output(process, lambda: ended(0.0) or time.monotonic() > deadline)
    if process.returncode < 0:
        hint = "; was it out of memory? Raise the agent's memory limit" if process.returncode == -signal.SIGKILL else ""
        raise TrialFailed(f"the trial's process was ended by signal {-process.returncode}{hint}")
    if process.returncode:
        raise TrialFailed(_last_line(err) or f"the trial's process ended with {process.returncode}")
    try:
        return TrialResult.model_validate_json(out)
    except ValidationError as e:
        raise TrialFailed("the trial's process gave no result") from e


def _last_line(text: str) -> str:
    lines = [line.removeprefix("Error: ") for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""


def _output(process: subprocess.Popen[str], enough: Callable[[], bool]) -> tuple[str, str]:
    while True:
        try:
            return process.communicate(timeout=LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if enough():
                process.kill()
