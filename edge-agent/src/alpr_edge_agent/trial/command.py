"""`python -m alpr_edge_agent trial`: one trial in this process, its result as JSON on stdout. The agent starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from alpr_edge_agent.detect import open_detector
from alpr_edge_agent.errors import EdgeError
from alpr_edge_agent.models.chosen import ChosenModels, with_models
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_edge_agent.recognize import open_recognizer
from alpr_edge_agent.trial.clip import ensure_clip
from alpr_edge_agent.trial.course import run_course
from alpr_telemetry import configure


@click.command("trial", hidden=True)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), required=True, help="The node's folder.")
@click.option("--models", default="{}", help="The models as `chosen.json` has them.")
def trial_command(data: Path, models: str) -> None:
    """Run models over the bundled clip and print what came of it."""
    configure("trial", stream=sys.stderr)
    os.nice(10)  # the pipeline beside us comes first
    settings = with_models(PipelineSettings(data=data), ChosenModels.model_validate_json(models))
    try:
        detector, recognizer = open_detector(settings.detector), open_recognizer(settings.recognizer)
        clip = ensure_clip(data / "trial")
        click.echo(run_course(clip, detector, recognizer, settings.decode).model_dump_json())
    except (EdgeError, OSError) as e:
        raise click.ClickException(str(e)) from e
