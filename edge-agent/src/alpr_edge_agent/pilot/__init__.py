"""`alpr-pilot`: the old system's command, flags and `config/cameras.yaml`, over this pipeline."""

from __future__ import annotations

import json
import platform
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from alpr_edge_agent.assignment import read_assignment, write_assignment
from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.errors import AssignmentUnreadable, EdgeError
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pilot.modes import EachFrame, SilentReader
from alpr_edge_agent.pilot.output import PilotOutput
from alpr_edge_agent.pipeline.main import Backends, run_pipeline
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_schemas.import_cameras import Imported, import_cameras, resource_name
from alpr_schemas.manifests import ManifestError
from alpr_schemas.resources import AssignedCamera, AssignmentSpec, Camera, CameraConfig, EdgeAssignment, Metadata
from alpr_schemas.resources.camera import Protocol
from alpr_telemetry import TelemetrySettings, configure

SITE = "pilot"


@dataclass(frozen=True, slots=True)
class PilotOptions:
    """What the flags say; names as the old command had them."""

    config: Path
    output: Path
    display: bool = False
    save_output: bool = False
    enable_ocr: bool = True
    enable_tracking: bool = True
    frame_skip: int = 0
    use_tensorrt: bool = False
    plate_model: str | None = None
    adaptive_sampling: bool = True
    metrics_port: int = 8001


def pilot_assignment(imported: Imported, options: PilotOptions, revision: int = 1) -> EdgeAssignment:
    """The cameras of the old list as the pipeline's orders. With a window clips play at their own speed."""
    node = resource_name(platform.node()) or "localhost"
    cameras = tuple(_assigned(camera, options) for camera in imported.cameras)
    spec = AssignmentSpec(node_name=node, site=SITE, revision=revision, cameras=cameras)
    return EdgeAssignment(metadata=Metadata(name=node), spec=spec)


def _assigned(camera: Camera, options: PilotOptions) -> AssignedCamera:
    spec = camera.spec
    source = spec.source
    if source.protocol is Protocol.FILE and options.display:
        source = source.model_copy(update={"realtime": True})
    analytics = spec.analytics.model_copy(update={"frame_skip": options.frame_skip})
    config = CameraConfig(
        display_name=spec.display_name, enabled=spec.enabled, source=source, stream=spec.stream, analytics=analytics
    )
    return AssignedCamera(name=camera.metadata.name, config=config)


def pilot_backends(options: PilotOptions, backends: Backends) -> Backends:
    """`backends` without what the flags switch off."""
    if not options.enable_ocr:
        backends = replace(backends, open_recognizer=lambda _: SilentReader())
    if not options.enable_tracking:
        backends = replace(backends, new_analysis=EachFrame)
    return backends


def pilot_settings(options: PilotOptions, *, once: bool) -> PipelineSettings:
    """The pipeline's settings for these flags."""
    settings: dict[str, Any] = {
        "data": options.output / "edge",
        "once": once,
        "metrics_port": options.metrics_port,
        "motion_gate": options.adaptive_sampling,
        "max_fps": 10.0 if options.adaptive_sampling else 0.0,
    }
    detector: dict[str, Any] = {"backend": "tensorrt"} if options.use_tensorrt else {}
    if options.plate_model is not None:
        detector["model"] = options.plate_model
    return PipelineSettings(**settings, detector=detector)


def run_pilot(options: PilotOptions, stop: threading.Event, backends: Backends | None = None) -> int:
    """Run until `stop`, or until every source has ended where all are files; the exit status. Blocks.

    Raises:
        ManifestError: the list of cameras is wrong.
        EdgeError: the output folder cannot be written to, or there is no display.
    """
    if not options.config.is_file():
        raise EdgeError(f"--config {options.config}: no such file; write one as config/cameras.yaml shows")
    imported = import_cameras(options.config, SITE)
    once = all(camera.spec.source.protocol is Protocol.FILE for camera in imported.cameras)
    settings = pilot_settings(options, once=once)
    _give_orders(EdgeFolder(settings.data), imported, options)
    with PilotOutput(options.output, save=options.save_output, show=options.display) as output:
        chosen = replace(pilot_backends(options, backends or Backends()), watch=output.watch, on_plate=output.plate)
        if output.window is None:
            return run_pipeline(settings, stop, chosen)
        return output.window.run(lambda: run_pipeline(settings, stop, chosen), stop)


def _give_orders(folder: EdgeFolder, imported: Imported, options: PilotOptions) -> None:
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        try:
            revision = read_assignment(folder.assignment).spec.revision + 1
        except AssignmentUnreadable:
            revision = 1
        write_durably(folder.credentials, json.dumps(_logins(imported)).encode(), mode=0o600)
        write_assignment(folder.assignment, pilot_assignment(imported, options, revision))
    except OSError as e:
        raise EdgeError(f"--output {options.output}: {e.strerror}; choose a folder that can be written to") from e


def _logins(imported: Imported) -> Mapping[str, Mapping[str, str]]:
    named = {camera.metadata.name: camera.spec.source.credentials_secret_ref for camera in imported.cameras}
    secrets = {name: imported.secrets[ref.name] for name, ref in named.items() if ref is not None}
    return {name: {"username": one.username, "password": one.password} for name, one in secrets.items()}


def _ignored(_: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        click.echo(f"--{parameter.name} is not needed any more: plates are found without a vehicle model", err=True)


_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=_FILE, default="config/cameras.yaml", show_default=True, help="List of cameras.")
@click.option("--output", type=_FOLDER, default="output", show_default=True, help="Where everything is kept.")
@click.option("--display/--no-display", default=False, help="Show a window; q ends, s saves a picture.")
@click.option("--save-output", is_flag=True, help="Keep every 30th picture with its boxes, and a CSV of the plates.")
@click.option("--enable-ocr/--no-ocr", default=True, help="Read plates, or only follow vehicles.")
@click.option("--enable-tracking/--no-tracking", default=True, help="One reading a vehicle, or one a frame.")
@click.option(
    "--frame-skip", "--skip-frames", type=click.IntRange(0, 240), default=0, help="Frames left out after each."
)
@click.option("--use-tensorrt/--no-tensorrt", default=False, help="Run on TensorRT; needs --plate-model FILE.engine.")
@click.option("--plate-model", default=None, help="A model's name or file. [plate-yolov8n]")
@click.option("--model", expose_value=False, callback=_ignored, help="Ignored: there is no vehicle model any more.")
@click.option("--adaptive-sampling/--no-adaptive-sampling", default=True, help="Skip frames without motion.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="0: no metrics.")
@click.option("--debug", is_flag=True, help="Say more.")
def pilot(*, debug: bool, **given: Any) -> None:
    """Read the plates of the cameras in config/cameras.yaml and print them.

    Events are kept in OUTPUT/edge/outbox.db; `alpr up` is what delivers them to a database and an API.
    """
    configure("pilot", TelemetrySettings(level="debug" if debug else "warning", form="console"), sys.stderr)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        code = run_pilot(PilotOptions(**given), stop)
    except (ManifestError, EdgeError) as e:
        raise click.ClickException(str(e)) from e
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point; ends the process. `alpr-pilot agent` and `alpr-pilot pipeline` are what a node's pod runs."""
    given = list(arguments) if arguments is not None else sys.argv[1:]
    if given and given[0] in {"agent", "pipeline"}:
        from alpr_edge_agent.__main__ import main as processes

        processes.main(args=given, prog_name="alpr-pilot")
    pilot.main(args=list(arguments) if arguments is not None else None, prog_name="alpr-pilot")
