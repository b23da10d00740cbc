"""What `alpr-query-api` can do beside serving: keys, on the database that the API itself is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import psycopg
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_query_api.keys import create_key, list_keys, put_key, revoke_key


class _Database(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ALPR_API_", frozen=True, extra="ignore")

    database_url: SecretStr = Field()


@contextmanager
def _database() -> Iterator[str]:
    """Its address; errors that somebody can act on end the command with their text, and with no password in it."""
    try:
        yield _Database().database_url.get_secret_value()
    except ValidationError:
        raise click.ClickException("ALPR_API_DATABASE_URL names no database; set it") from None
    except psycopg.errors.UndefinedTable:
        raise click.ClickException("the database lacks a table; run: alpr-storage-consumer migrate") from None
    except psycopg.Error as e:
        told = f"database: {type(e).__name__} {e.sqlstate or ''}".rstrip()
        raise click.ClickException(f"{told}; is ALPR_API_DATABASE_URL right, and is it up?") from None


@click.group()
def keys() -> None:
    """Make and withdraw the keys that open the API."""


@keys.command("create")
@click.argument("name")
def create(name: str) -> None:
    """Make a key called NAME and print it, this one time."""
    with _database() as dsn:
        click.echo(create_key(dsn, name))


@keys.command("put")
@click.argument("name")
@click.option(
    "--file", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Holds the key: a mounted Secret.",
)  # fmt: skip
def put(name: str, path: Path) -> None:
    """Have a key that is kept elsewhere open the API under NAME; the same one again changes nothing."""
    try:
        with _database() as dsn:
            new = put_key(dsn, name, path.read_text(encoding="utf-8").strip())
    except (ValueError, OSError) as e:
        told = e.strerror if isinstance(e, OSError) else str(e)
        raise click.ClickException(f"--file {path}: {told}") from None
    click.echo("It opens the API now." if new else "It is known already.")


@keys.command("list")
def show() -> None:
    """List the keys by name; what they are is not kept."""
    with _database() as dsn:
        for key in list_keys(dsn):
            click.echo(json.dumps(key, default=str))


@keys.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Withdraw the keys called NAME, and the browser sessions that they opened."""
    with _database() as dsn:
        click.echo(f"{revoke_key(dsn, name)} withdrawn")
