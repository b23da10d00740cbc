"""`alpr-setup`: the steps of an installation, each to be run again at will. Charts run them as jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alpr_kafka.commands import schemas, topics
from alpr_kubernetes import Client, connect
from alpr_setup.backups.steps import backup, restore
from alpr_setup.errors import SetupError
from alpr_setup.saying import said

if TYPE_CHECKING:
    from alpr_setup.buckets import Grant

Command = Callable[..., None]
KUBECONFIG = click.option(
    "--kubeconfig", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="How to reach the cluster from outside; in a pod its ServiceAccount does.",
)  # fmt: skip
NAMESPACE = click.option("--namespace", help="Where the Secrets are; left out, the pod's own.")


def _store_options(command: Command) -> Command:
    """Which S3 server, as whom, and which bucket of it."""
    there = click.Path(exists=True, dir_okay=False, path_type=Path)
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    admin = "The administrator's Secret, mounted: access-key, secret-key."
    options = [
        click.option("--endpoint", envvar="ALPR_IMAGES_ENDPOINT", required=True, help="As https://objectstore:9000."),
        click.option("--bucket", required=True),
        click.option("--region", envvar="ALPR_IMAGES_REGION", default="us-east-1", show_default=True),
        click.option("--ca-file", type=there, help="Who signed its certificate; left out, the system's list."),
        click.option("--admin", required=True, type=folder, help=admin),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def program() -> None:
    """Prepare a central tier: Secrets, bucket and users, topics, schemas; back it up. Every step may be run again."""


@program.group()
def secrets() -> None:
    """Passwords, keys and certificates that are made once and kept."""


@secrets.command("ensure")
@click.argument("plan", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@NAMESPACE
@KUBECONFIG
def ensure(plan: Path, namespace: str | None, kubeconfig: Path | None) -> None:
    """Make the Secrets of PLAN (YAML) that are missing, and renew certificates that end soon.

    A Secret that exists stays as it is, whoever made it, so that an upgrade changes no password.
    """
    from alpr_setup.keeping import ensure_secrets
    from alpr_setup.plan import read_plan

    async def work() -> list[str]:
        connection = connect(kubeconfig)
        async with Client(connection, "alpr-setup") as client:
            return await ensure_secrets(client, namespace or connection.namespace, read_plan(plan))

    with said():
        for line in asyncio.run(work()) or ["All Secrets are there."]:
            click.echo(line)


@secrets.command("delete")
@NAMESPACE
@KUBECONFIG
@click.confirmation_option(prompt="Delete all passwords and keys that alpr-setup made here?")
def delete(namespace: str | None, kubeconfig: Path | None) -> None:
    """Delete the Secrets that `ensure` made; those of other people stay."""
    from alpr_setup.keeping import delete_ours

    async def work() -> list[str]:
        connection = connect(kubeconfig)
        async with Client(connection, "alpr-setup") as client:
            return await delete_ours(client, namespace or connection.namespace)

    with said():
        for name in asyncio.run(work()):
            click.echo(f"Secret {name}: deleted")


@program.command()
@click.argument("places", nargs=-1, required=True, metavar="HOST:PORT…")
@click.option("--within", "within_s", default=300.0, show_default=True, help="Seconds.")
def wait(places: tuple[str, ...], within_s: float) -> None:
    """Wait until every HOST:PORT takes a connection."""
    from alpr_setup.waiting import wait_for

    with said():
        wait_for([_place(place) for place in places], within_s, click.echo)


@program.command()
@_store_options
@click.option(
    "--user", "users", multiple=True, metavar="FOLDER:ROLE[:PREFIX]",
    help="A user's Secret, mounted, and its role, writer or reader. May be given several times.",
)  # fmt: skip
@click.option("--models-bucket", default="", help="Made as well; whoever writes pictures may read the models in it.")
@click.option("--keep-days", type=click.IntRange(1), help="Pictures are deleted after so many days; left out, never.")
def bucket(
    endpoint: str, bucket: str, region: str, ca_file: Path | None, admin: Path, users: tuple[str, ...],
    models_bucket: str, keep_days: int | None,
) -> None:  # fmt: skip
    """Make the bucket of evidence images, its users and its retention, on MinIO."""
    from alpr_setup.buckets import ObjectStore

    with said():
        store = ObjectStore(endpoint, *_pair(admin), ca_file, region)
        for line in store.ensure_bucket(bucket, {"": keep_days} if keep_days else {}):
            click.echo(line)
        for line in store.ensure_bucket(models_bucket, {}) if models_bucket else ():
            click.echo(line)
        for user in users:
            click.echo(store.ensure_user(bucket, _grant(user, models_bucket)))


@program.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_store_options
def models(folder: Path, endpoint: str, bucket: str, region: str, ca_file: Path | None, admin: Path) -> None:
    """Put the models of FOLDER, as `alpr models export` wrote it, into the bucket that agents fetch from."""
    from alpr_setup.buckets import ObjectStore

    with said():
        files = sorted(folder.glob("*.onnx"))
        if not files:
            raise SetupError(f"{folder}: no models there; write them with: alpr models export FOLDER")
        store = ObjectStore(endpoint, *_pair(admin), ca_file, region)
        for line in [*store.ensure_bucket(bucket, {}), *store.ensure_files(bucket, files)]:
            click.echo(line)


program.add_command(topics)
program.add_command(schemas)
program.add_command(backup)
program.add_command(restore)


def _grant(told: str, models: str) -> Grant:
    from alpr_setup.buckets import Grant

    folder, _, rest = told.partition(":")
    role, _, prefix = rest.partition(":")
    return Grant(*_pair(Path(folder)), role, prefix, models if role == "writer" else "")


def _pair(folder: Path) -> tuple[str, str]:
    from alpr_setup.buckets import pair_in

    return pair_in(folder)


def _place(told: str) -> tuple[str, int]:
    host, _, port = told.rpartition(":")
    if not host or not port.isdecimal():
        raise SetupError(f"{told}: write it as host:port")
    return host.strip("[]"), int(port)


def main() -> None:
    """The entry point."""
    program(prog_name="alpr-setup")


if __name__ == "__main__":
    main()
