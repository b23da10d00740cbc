"""What a running, or stopped, `alpr up` left to read for the other commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from alpr_schemas.resources import EdgeReport
from alpr_standalone.database import EmbeddedPostgres
from alpr_standalone.errors import StandaloneError, Unusable
from alpr_standalone.folder import StandaloneFolder
from alpr_standalone.up import only_one
from alpr_storage_consumer.migrate import migrate


def print_cameras(data: Path, form: str) -> None:
    """Print the EdgeReport's cameras. Raises Unusable where there is none yet."""
    folder = StandaloneFolder(data.resolve())
    try:
        report = EdgeReport.model_validate_json(folder.edge.report.read_bytes())
    except (OSError, ValidationError) as e:
        raise Unusable(f"no report in {folder.root}; start alpr up, or name its folder with --data") from e
    if form == "json":
        print(json.dumps([c.wire() for c in report.status.cameras], indent=2))  # noqa: T201 - the command's result
        return
    table = Table(box=None)
    for name in ("CAMERA", "STATE", "SINCE", "WHAT TO DO"):
        table.add_column(name)
    for camera in report.status.cameras:
        table.add_row(camera.name, camera.state.value, camera.since.astimezone().strftime("%F %T"), camera.reason)
    Console().print(table)


@contextmanager
def database_of(data: Path) -> Iterator[str]:
    """The address of the folder's database: the running one, or one started for this command."""
    folder = StandaloneFolder(data.resolve())
    if folder.address.exists():
        yield str(json.loads(folder.address.read_bytes())["database_url"])
        return
    folder.make()
    with only_one(folder), EmbeddedPostgres(folder.database) as database:
        migrate(database.dsn)
        yield database.dsn


@contextmanager
def opened_for_reading(data: Path) -> Iterator[str]:
    """`database_of` for commands of other packages, which know no errors of ours."""
    if not data.is_dir():
        raise click.ClickException(
            f"no alpr up ran in {data}; name its folder with --data, or a database by ALPR_DATABASE_URL"
        )
    try:
        with database_of(data) as dsn:
            yield dsn
    except StandaloneError as e:
        raise click.ClickException(str(e)) from e
