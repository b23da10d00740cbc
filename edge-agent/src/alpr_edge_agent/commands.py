"""Sub-commands of `alpr` that see: read, evaluate, models. Heavy imports happen inside: `alpr --help` stays quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from alpr_edge_agent.reading.formats import Format

FILE = click.Path(path_type=Path)
MODELS_DIR = click.option(
    "--models-dir",
    type=FILE,
    envvar="ALPR_MODELS_DIR",
    help="Where converted models are kept. [default: ~/.cache/alpr/models]",
)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=FILE)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "jsonl", "csv"]),
    default="table",
    show_default=True,
    help="table for people; jsonl (one object a photo or vehicle pass) and csv for programs.",
)
@click.option("--annotate", type=FILE, metavar="DIR", help="Write each picture there, with boxes and texts.")
@MODELS_DIR
def read(paths: tuple[Path, ...], kind: Format, annotate: Path | None, models_dir: Path | None) -> None:
    """Read the plates of photos and clips; a folder stands for all in it.

    A file that cannot be read is named on stderr and the others go on; the exit code is then 1.
    """
    from alpr_edge_agent.errors import EdgeError
    from alpr_edge_agent.reading.command import read_all

    try:
        failed = read_all(paths, kind, annotate, models_dir)
    except EdgeError as error:
        raise click.ClickException(str(error)) from error
    if failed:
        sys.exit(1)


@click.command()
@click.argument("labels", type=FILE, metavar="LABELS.csv")
@click.option("--html", type=FILE, metavar="FILE", help="Write a report with the pictures of all failures.")
@click.option("--compare", type=FILE, metavar="RUN.json", help="Compare with this run, plate by plate.")
@click.option("--save", type=FILE, metavar="RUN.json", help="Keep this run for a later --compare.")
@MODELS_DIR
def evaluate(labels: Path, html: Path | None, compare: Path | None, save: Path | None, models_dir: Path | None) -> None:
    """Measure accuracy on labelled photos.

    LABELS.csv has the columns path (relative to the file), x, y, width, height (pixels), text, and set where there are
    several.
    """
    from alpr_edge_agent.errors import EdgeError
    from alpr_edge_agent.evaluate.command import Outputs, evaluate_labels

    try:
        evaluate_labels(labels, Outputs(html, save), compare, models_dir)
    except EdgeError as error:
        raise click.ClickException(str(error)) from error


@click.group()
def models() -> None:
    """See which models this machine has, and hand them to a fleet."""


@models.command("list")
@click.option("--format", "kind", type=click.Choice(["table", "json"]), default="table", show_default=True)
@MODELS_DIR
def list_models(kind: str, models_dir: Path | None) -> None:
    """List the models that are known: role, licence, source, digest, and whether they are ready."""
    from alpr_edge_agent.models.listing import listing, print_table

    found = listing(models_dir)
    if kind == "json":
        import json

        click.echo(json.dumps(found, indent=2))
    else:
        print_table(found)


@models.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--url",
    default="s3://alpr-models",
    show_default=True,
    help="Where agents will find the files: s3://bucket, https://host/path or file:///folder.",
)
@MODELS_DIR
def export_models(folder: Path, url: str, models_dir: Path | None) -> None:
    """Write the models into FOLDER as ONNX, each under its digest, and models.yaml, which names them for a site.

    Images hold no weights: bring FOLDER to the bucket (chart alpr-central, `models`), and put what models.yaml says
    into the values of chart alpr-site. Agents fetch the files by digest.
    """
    from alpr_edge_agent.errors import EdgeError
    from alpr_edge_agent.models import KNOWN
    from alpr_edge_agent.models.export import export

    try:
        written = export(folder, url, models_dir)
    except (EdgeError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    for known in KNOWN:
        path = written[known.name]
        click.echo(f"{known.name} ({known.licence}): {path}, {path.stat().st_size / 1e6:.1f} MB")
    click.echo(f"For a site's values: {folder / 'models.yaml'}")
