"""The pipeline's process: flags, signals, exit."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import cv2

from alpr_edge_agent.pipeline.process import Backends, run_pipeline
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_telemetry import configure

__all__ = ["Backends", "main", "pipeline_command", "run_pipeline", "run_process"]


def run_process(settings: PipelineSettings, backends: Backends | None = None) -> None:
    """`run_pipeline` under signals; ends the process."""
    cv2.setNumThreads(1)  # its pictures are small, and a pool of threads costs more than it brings
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    code = run_pipeline(settings, stop, backends)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads may stand in native calls that only end with their time-outs; nothing is left to do


@click.command("pipeline")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="The node's folder. [/var/lib/alpr]")
@click.option("--once", is_flag=True, help="End when every camera has ended.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), default=None, help="0 serves no metrics. [8001]")
@click.option("--metrics-host", default=None, help="Address of the metrics. [127.0.0.1]")
@click.option("--agent-id", default=None, help="Who numbers the events. [the assignment's node name]")
def pipeline_command(**given: Any) -> None:
    """Read the plates of the cameras in DATA/assignment.json, into DATA/outbox.db."""
    configure("pipeline")
    run_process(PipelineSettings(**{name: value for name, value in given.items() if value is not None}))


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point."""
    pipeline_command.main(args=list(arguments) if arguments is not None else None)
