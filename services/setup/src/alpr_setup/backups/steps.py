"""`alpr-setup backup` and `alpr-setup restore`: the steps that the chart's jobs run beside pg_dump and its like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alpr_setup.saying import said

if TYPE_CHECKING:
    from alpr_setup.backups.objects import Mirror
    from alpr_setup.backups.registry import Registry

Command = Callable[..., None]
FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
_THERE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SECRET = click.Path(exists=True, file_okay=False, path_type=Path)
NAME_FILE = click.option(
    "--name-file", required=True, type=click.Path(path_type=Path),
    help="The file with the backup's name, which the steps of one job hand on.",
)  # fmt: skip


def places(command: Command) -> Command:
    """Where pictures and schemas are; they come as one `Places`."""
    options = [
        click.option(
            "--endpoint", default="", help="The object store, as https://objectstore:9000; none: no pictures."
        ),
        click.option("--bucket", default="", help="The bucket of pictures."),
        click.option("--region", default="us-east-1", show_default=True),
        click.option(
            "--credentials",
            type=_SECRET,
            help="Secret, mounted, of who reads.",
        ),
        click.option("--writer", type=_SECRET, help="Secret of who writes; left out, the same."),
        click.option("--ca-file", type=_THERE, help="Who signed the store's certificate; else the system's list."),
        click.option("--registry", default="", help="As https://registry:8081/apis/ccompat/v7; none: no schemas."),
        click.option("--registry-ca-file", type=_THERE, help="Who signed the registry's certificate."),
    ]

    @wraps(command)
    def gathered(**told: Any) -> None:
        found = Places(**{name: told.pop(name) for name in Places.__dataclass_fields__})
        command(places=found, **told)

    for option in reversed(options):
        gathered = option(gathered)
    return gathered


@dataclass(frozen=True, slots=True)
class Places:
    """Object store and registry, as the options say them; nothing is asked before it is used."""

    endpoint: str
    bucket: str
    region: str
    credentials: Path | None
    writer: Path | None
    ca_file: Path | None
    registry: str
    registry_ca_file: Path | None

    def mirror(self, folder: Path) -> Mirror | None:
        """The pictures, with their files in `folder`. Raises SetupError where something is not said."""
        from alpr_setup.backups.objects import Mirror
        from alpr_setup.buckets import client_of
        from alpr_setup.errors import SetupError

        if not self.endpoint:
            return None
        if not self.bucket or self.credentials is None:
            raise SetupError("--endpoint: give --bucket and --credentials, too")
        reader, writer = (
            client_of(self.endpoint, secret, self.ca_file, self.region)
            for secret in (self.credentials, self.writer or self.credentials)
        )
        return Mirror(reader, self.bucket, folder, writer)

    def schemas(self) -> Registry | None:
        """The registry."""
        from alpr_setup.backups.registry import Registry

        return Registry(self.registry, self.registry_ca_file) if self.registry else None


@click.command()
@FOLDER
@NAME_FILE
@places
@click.option("--keep", type=click.IntRange(1), default=7, show_default=True, help="How many backups stay.")
@click.option("--site-secrets", is_flag=True, help="Keep the Secrets of sites' namespaces, too.")
@click.option("--namespace", help="The release's; left out, the pod's own.")
@click.option("--kubeconfig", type=_THERE, help="How to reach the cluster from outside of it.")
def backup(
    *, folder: Path, name_file: Path, places: Places, keep: int, site_secrets: bool, namespace: str | None,
    kubeconfig: Path | None,
) -> None:  # fmt: skip
    """Finish in FOLDER the backup whose database was dumped: pictures, schemas, configuration, then its name."""
    from alpr_kubernetes import connect
    from alpr_setup.backups.making import Sources, make_backup

    with said():
        connection = connect(kubeconfig)
        target = namespace or connection.namespace
        sources = Sources(places.mirror(folder), places.schemas(), connection, target, site_secrets)
        for line in make_backup(folder, _name_in(name_file), sources, keep):
            click.echo(line)


@click.group()
def restore() -> None:
    """Put a backup back: verify, then (after the database) finish."""


@restore.command()
@FOLDER
@click.argument("name")
@NAME_FILE
def verify(folder: Path, name: str, name_file: Path) -> None:
    """Compare the files of backup NAME ("newest" for the newest) in FOLDER with their digests, and hand its name on."""
    from alpr_setup.backups.folder import place_of
    from alpr_setup.backups.restoring import verified

    with said():
        manifest = verified(place_of(folder, name))
        name_file.write_text(manifest.name)
        click.echo(f"{manifest.name}: whole, {manifest.events} readings")


@restore.command()
@FOLDER
@NAME_FILE
@places
def finish(*, folder: Path, name_file: Path, places: Places) -> None:
    """Bring back schemas into an empty registry, and the pictures that the bucket lacks."""
    from alpr_setup.backups.folder import place_of
    from alpr_setup.backups.restoring import put_back

    with said():
        backup = place_of(folder, _name_in(name_file))
        for line in put_back(backup, places.schemas(), places.mirror(folder)):
            click.echo(line)


def _name_in(path: Path) -> str:
    from alpr_setup.errors import SetupError

    try:
        return path.read_text().strip()
    except OSError as e:
        raise SetupError(f"--name-file {path}: the step before wrote none") from e
