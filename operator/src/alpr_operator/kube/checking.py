"""The command that needs no cluster: validate."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

_HELP = """Check AlprSites and Cameras in FILES as an API server with our CRDs would, without a cluster.

Every problem comes with its file, line and field. Documents of other kinds are passed over; `-` is standard input.

\b
kubectl alpr validate sites/north-gate/
helm template north-gate helm/alpr-site -f north-gate.yaml | kubectl alpr validate -
"""


@click.command(help=_HELP, short_help="Check manifests without a cluster.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def validate(files: tuple[Path, ...]) -> None:
    """See `_HELP`."""
    from alpr_schemas.manifests import check_documents

    with _given(files) as paths:
        problems = check_documents(paths)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.exceptions.Exit(1)
    click.echo("fine")


@contextmanager
def _given(files: tuple[Path, ...]) -> Iterator[list[Path]]:
    """The files, with standard input as one of them where `-` stands."""
    if Path("-") not in files:
        yield list(files)
        return
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "standard-input.yaml"
        given.write_text(sys.stdin.read(), encoding="utf-8")
        yield [given if file == Path("-") else file for file in files]


COMMANDS: tuple[click.Command, ...] = (validate,)
