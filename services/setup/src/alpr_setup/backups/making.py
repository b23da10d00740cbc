"""Make one backup whole: pictures, schemas and configuration come beside the dump, and its name comes last."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from alpr_kubernetes import Client, Connection
from alpr_setup.backups.cleaning import as_text
from alpr_setup.backups.configuration import Configuration, read_configuration
from alpr_setup.backups.folder import (
    CONFIGURATION,
    DUMP,
    FACTS,
    INDEX,
    SCHEMAS,
    VALUES,
    alone,
    backups_in,
    discard,
    part_of,
    prune,
    publish,
    write_file,
)
from alpr_setup.backups.manifest import Manifest, ObjectCount, digests_of, parse_facts
from alpr_setup.backups.objects import Entry, Mirror, index_text, known_objects, read_index, sweep
from alpr_setup.backups.registry import Registry
from alpr_setup.errors import SetupError


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a backup comes from; None for what it shall not hold.

    Attributes:
        pictures: the bucket's mirror.
        connection: the cluster, for the configuration.
        site_secrets: the Secrets of sites' namespaces, too.
    """

    pictures: Mirror | None
    registry: Registry | None
    connection: Connection
    namespace: str
    site_secrets: bool = False


@dataclass(slots=True)
class _Made:
    objects: dict[str, Entry] | None = None
    registry: str = ""
    left_out: list[str] = field(default_factory=list)


def make_backup(folder: Path, name: str, sources: Sources, keep: int) -> list[str]:
    """Finish the backup `name`, whose dump was written, and let those before the newest `keep` go. What was done.

    Raises SetupError; the backup that could not be finished is gone then, and all others are as they were.
    """
    part = part_of(folder, name)
    made = _Made()
    with alone(folder):
        try:
            _take_pictures(folder, part, sources.pictures, made)
            _take_schemas(part, sources.registry, made)
            _take_configuration(part, sources, made)
            manifest = _manifest(part, name, sources.namespace, made)
            publish(part, manifest)
        except BaseException:
            discard(part)
            raise
        gone = let_go(folder, keep)
    return [_told(manifest), *(f"not in it: {line}" for line in made.left_out), *gone]


def _take_pictures(folder: Path, part: Path, pictures: Mirror | None, made: _Made) -> None:
    if pictures is None:
        made.left_out.append("pictures: backup.images is off")
        return
    made.objects = pictures.fetch(known_objects(folder))
    write_file(part / INDEX, index_text(made.objects).encode())


def _take_schemas(part: Path, registry: Registry | None, made: _Made) -> None:
    taken = registry.export() if registry else None
    if taken is None:
        made.left_out.append("schemas: the registry is not Apicurio's; keep them by its own means")
        return
    made.registry = f"apicurio-{taken[0]}"
    write_file(part / SCHEMAS, taken[1])


def _take_configuration(part: Path, sources: Sources, made: _Made) -> None:
    async def read() -> Configuration:
        async with Client(sources.connection, "alpr-backup") as client:
            return await read_configuration(client, sources.namespace, site_secrets=sources.site_secrets)

    found = asyncio.run(read())
    made.left_out += found.left_out
    if not sources.site_secrets:
        made.left_out.append("Secrets of the sites' namespaces: backup.siteSecrets is off")
    write_file(part / CONFIGURATION, as_text(found.objects).encode())
    for release, text in found.values.items():
        write_file(part / VALUES / f"{release}.yaml", text.encode())


def _manifest(part: Path, name: str, namespace: str, made: _Made) -> Manifest:
    for needed in (DUMP, FACTS):
        if not (part / needed).is_file():
            raise SetupError(f"{name}: the database was not dumped, {needed} is missing")
    count = None
    if made.objects is not None:
        count = ObjectCount(count=len(made.objects), size=sum(one.size for one in made.objects.values()))
    return Manifest(
        name=name,
        version=version("alpr-setup"),
        namespace=namespace,
        files=digests_of(part),
        database=parse_facts((part / FACTS).read_text()),
        objects=count,
        registry=made.registry,
        left_out=made.left_out,
    )


def _told(manifest: Manifest) -> str:
    pictures = f"{manifest.objects.count} pictures" if manifest.objects else "no pictures"
    return f"{manifest.name}: whole, {manifest.events} readings, {pictures}"


def let_go(folder: Path, keep: int) -> list[str]:
    """Remove all but the newest `keep` backups, and pictures that none of these names. What was done."""
    told = [f"{name}: gone, {keep} are kept" for name in prune(folder, keep)]
    try:
        sweep(folder, {key for name in backups_in(folder) for key in read_index(folder / name)})
    except SetupError as e:  # which pictures belong to that one, nobody knows
        told.append(f"no picture was removed: {e}")
    return told
