"""The sub-commands of standalone; what is heavy is imported when a command runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ALPR_DATA",
    default=Path("alpr-data"),
    show_default=True,
    help="The folder that keeps everything: database, pictures, logs.",
)
_UP_HELP = """Run everything on this machine: cameras to readings, a database, an API and a page.

\b
alpr up                        a demo camera, to look around
alpr up -f sites/north/        your cameras
alpr up -f clips.yaml --once   read files to their end, then stop
"""


@contextmanager
def _said() -> Iterator[None]:
    """Errors that somebody can act on end the command with their text, not with a traceback."""
    from alpr_edge_agent.errors import EdgeError
    from alpr_schemas.manifests import ManifestError
    from alpr_standalone.errors import StandaloneError
    from alpr_telemetry import scrub

    try:
        yield
    except (StandaloneError, ManifestError, EdgeError) as e:
        raise click.ClickException(scrub(str(e))) from e
    except OSError as e:
        where = f"{e.filename}: " if e.filename else ""
        raise click.ClickException(
            f"{where}{e.strerror or e}; is there room on the disk, and may you write there?"
        ) from e


@click.command(help=_UP_HELP)
@click.option(
    "-f", "--manifests", multiple=True, type=click.Path(path_type=Path),
    help="File or folder with AlprSite, Camera and Secret documents; may stand several times.",
)  # fmt: skip
@DATA
@click.option("--once", is_flag=True, help="Read every file to its end, deliver all, and end.")
@click.option("--source", help="One camera without manifests: rtsp://…, a device, a clip, a photo or a folder.")
@click.option("--source-from-environment", is_flag=True, hidden=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="Where the page listens; beyond this machine it needs a key (alpr keys create).",
)  # fmt: skip
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The page's port.")
@click.option(
    "--metrics-port", default=8001, show_default=True, type=click.IntRange(0, 65535),
    help="The pipeline's figures for Prometheus; 0 switches them off.",
)  # fmt: skip
def up(
    manifests: tuple[Path, ...], data: Path, *, once: bool, source: str | None, source_from_environment: bool,
    host: str, port: int, metrics_port: int,
) -> None:  # fmt: skip
    """See `_UP_HELP`."""
    from alpr_standalone import session

    if source_from_environment:
        source = os.environ.pop("SOURCE", None)
    elif source and "@" in source.partition("://")[2].partition("/")[0]:
        raise click.UsageError(
            "--source: anybody on this machine can read a command line with its password; "
            "write SOURCE='rtsp://…' make run, or use alpr import"
        )
    with _said():
        session.run(data, manifests, source, once=once, host=host, port=port, metrics_port=metrics_port)


@click.command()
@DATA
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def cameras(data: Path, form: str) -> None:
    """Show the cameras of this machine: their state, and what to do where something is wrong."""
    from alpr_standalone.report import print_cameras

    with _said():
        print_cameras(data, form)


@click.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), default=Path("site"), show_default=True,
    help="Folder for the manifests; passwords go into secrets.yaml there, readable by you alone.",
)  # fmt: skip
@click.option("--site", default="local", show_default=True, help="Name of the AlprSite.")
def import_cameras(path: Path, output: Path, site: str) -> None:
    """Convert an old config/cameras.yaml into AlprSite, Camera and Secret manifests."""
    from alpr_standalone.importing import write_imported

    with _said():
        for line in write_imported(path, output, site):
            click.echo(line)


_VALIDATE = """Check manifests: every problem with its file, line, field and fix.

Without --documents: whether `alpr up` can run them; the site of each Camera and the Secret that it names must be in the
files too.

With --documents: whether an API server with the CRDs takes them, in its own words but without a cluster. Each document
stands by itself; one that comes twice in a file is taken as a change of the first.

\b
  alpr validate site.yaml cameras/ secrets.yaml
  alpr validate --documents sites/

Ends with 1 where something is wrong.
"""


@click.command(help=_VALIDATE)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--documents", is_flag=True, help="Judge each document as `kubectl apply` would.")
def validate(paths: tuple[Path, ...], documents: bool) -> None:  # noqa: FBT001 - click's
    """Check manifests: every problem with its file, line and field."""
    from alpr_schemas.manifests import ManifestError, check_documents, read_manifests

    with _said():
        if not documents:
            found = read_manifests(paths)
            counts = f"{len(found.sites)} AlprSite, {len(found.cameras)} Camera, {len(found.secrets)} Secret"
        elif problems := check_documents(paths):
            raise ManifestError(problems)
        else:
            counts = "all documents"
    click.echo(f"{counts}: fine")


@click.group()
def keys() -> None:
    """Make and withdraw the keys that open the API from other machines."""


@keys.command("create")
@click.argument("name")
@DATA
def create_key(name: str, data: Path) -> None:
    """Make a key called NAME and print it, this one time."""
    from alpr_query_api.keys import create_key as create
    from alpr_standalone.report import database_of

    with _said(), database_of(data) as dsn:
        click.echo(create(dsn, name))


@keys.command("list")
@DATA
def list_keys(data: Path) -> None:
    """List the keys by name; what they are is not kept."""
    from alpr_query_api.keys import list_keys as listed
    from alpr_standalone.report import database_of

    with _said(), database_of(data) as dsn:
        for key in listed(dsn):
            click.echo(json.dumps(key, default=str))


@keys.command("revoke")
@click.argument("name")
@DATA
def revoke_key(name: str, data: Path) -> None:
    """Withdraw the keys called NAME."""
    from alpr_query_api.keys import revoke_key as revoke
    from alpr_standalone.report import database_of

    with _said(), database_of(data) as dsn:
        click.echo(f"{revoke(dsn, name)} withdrawn")
