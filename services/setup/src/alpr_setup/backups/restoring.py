"""Look a backup over, and put back what is no table: schemas and pictures. Each step may be run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alpr_setup.backups.folder import SCHEMAS, disk_said
from alpr_setup.backups.manifest import Manifest, damages, read_manifest
from alpr_setup.backups.objects import Mirror, damage_of, read_index
from alpr_setup.backups.registry import Registry
from alpr_setup.errors import SetupError


def verified(backup: Path) -> Manifest:
    """The manifest of a backup whose files are as it says. Raises SetupError that names each that is not."""
    manifest = read_manifest(backup)
    if found := list(damages(backup, manifest)):
        raise SetupError(f"{manifest.name} is damaged, nothing was restored: {'; '.join(found)}")
    return manifest


def all_damages(backup: Path) -> list[str]:
    """What is wrong with a backup, its pictures too; nothing for a whole one."""
    try:
        manifest = read_manifest(backup)
        found = list(damages(backup, manifest))
        return found or list(_damaged_pictures(backup, manifest))
    except SetupError as e:
        return [str(e)]


def _damaged_pictures(backup: Path, manifest: Manifest) -> Iterator[str]:
    index = read_index(backup)
    if manifest.objects and len(index) != manifest.objects.count:
        yield f"{manifest.objects.count} pictures were kept, {len(index)} are named"
    for key, told in index.items():
        if damage := damage_of(backup.parent, key, told):
            yield damage


def put_back(backup: Path, registry: Registry | None, pictures: Mirror | None) -> list[str]:
    """Import the schemas into a registry without any, and put the pictures that the bucket lacks. What was done."""
    manifest = verified(backup)
    said = [_schemas_back(backup, manifest, registry)]
    if manifest.objects is None:
        return [*said, "pictures: none in this backup"]
    if pictures is None:
        return [*said, "pictures: left, no bucket was named"]
    with disk_said(backup):
        went, there = pictures.put_back(read_index(backup))
    return [*said, f"pictures: {went} put, {there} were there"]


def _schemas_back(backup: Path, manifest: Manifest, registry: Registry | None) -> str:
    if not manifest.registry or registry is None:
        return "schemas: none in this backup, services register them anew"
    if known := registry.subjects():
        return f"schemas: the registry has {known} subjects, left as it is"
    registry.bring(manifest.registry.partition("-")[2], (backup / SCHEMAS).read_bytes())
    return f"schemas: {registry.subjects()} subjects brought, with their ids"
