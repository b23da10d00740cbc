"""`alpr restore`: what a folder of backups holds, whether it is whole, and the configuration out of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from alpr_setup.backups.steps import FOLDER
from alpr_setup.saying import said

_NEWEST: Final = "newest"
_BROUGHT_BY: Final = "It comes with the package alpr-setup, which tools/setup dev installs."


@click.group(epilog=_BROUGHT_BY)
def restore() -> None:
    """Look into a folder of backups of a central tier, and bring its configuration back.

    Database, schemas and pictures come back by chart alpr-central's value `restore.from`: see docs/backup.md.
    """


@restore.command("list")
@FOLDER
def list_(folder: Path) -> None:
    """Print the backups in FOLDER, oldest first. Files are not read through: that is `alpr restore check`."""
    from alpr_setup.backups.folder import backups_in
    from alpr_setup.backups.listing import row_of

    with said():
        rows = [("NAME", "AGE", "READINGS", "PICTURES", "SIZE", "STATE")]
        rows += [row_of(folder / name, datetime.now(UTC)) for name in backups_in(folder)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@restore.command()
@FOLDER
@click.argument("name", default=_NEWEST)
def check(folder: Path, name: str) -> None:
    """Compare every file and picture of backup NAME (the newest where left out) with its digest."""
    from alpr_setup.backups.folder import place_of
    from alpr_setup.backups.restoring import all_damages
    from alpr_setup.errors import SetupError

    with said():
        backup = place_of(folder, name)
        if found := all_damages(backup):
            raise SetupError("\n".join([f"{backup.name} is damaged:", *found]))
        click.echo(f"{backup.name}: whole")


@restore.command()
@FOLDER
@click.argument("name", default=_NEWEST)
@click.option("--only", type=click.Choice(["secrets"]), help="Passwords and keys of the servers alone: before helm.")
@click.option(
    "--force", is_flag=True, help="Overwrite Secrets that exist. Data under other passwords stays closed then."
)
@click.option("--namespace", help="Where the central tier shall be; left out, where it was.")
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Let the API server check everything and keep nothing.")
def configuration(
    *, folder: Path, name: str, only: str | None, force: bool, namespace: str | None, kubeconfig: Path | None,
    dry_run: bool,
) -> None:  # fmt: skip
    """Apply the configuration of backup NAME in FOLDER: namespaces, Secrets, ConfigMaps, RoleBindings, sites, cameras.

    A Secret that exists stays as it is; anything else that exists takes the backup's fields, whoever changed them
    since: look with --dry-run first. Helm's releases are not applied; their values lie in FOLDER/NAME/values/.
    """
    from alpr_kubernetes import Client, connect
    from alpr_setup.backups.cleaning import parsed
    from alpr_setup.backups.configuration import Wanted, apply_configuration
    from alpr_setup.backups.folder import CONFIGURATION, place_of
    from alpr_setup.backups.restoring import verified

    async def work(backup: Path) -> list[str]:
        manifest = verified(backup)
        target = namespace or manifest.namespace
        wanted = Wanted(manifest.namespace, target, force=force, only_secrets=only == "secrets", dry_run=dry_run)
        async with Client(connect(kubeconfig), "alpr-restore") as client:
            return await apply_configuration(client, parsed((backup / CONFIGURATION).read_text()), wanted)

    with said():
        for line in asyncio.run(work(place_of(folder, name))):
            click.echo(line)
