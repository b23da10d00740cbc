"""What a central tier and its sites are told, out of the cluster and back. Only this part speaks to Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from alpr_kubernetes import Client, Forbidden, Kind, NotFound, Object
from alpr_kubernetes.kinds import CAMERAS, CONFIG_MAPS, NAMESPACES, ROLE_BINDINGS, SECRETS, SITES
from alpr_setup.backups.cleaning import ORDER, SITE_LABEL, cleaned, is_release, made_by_another, made_by_helm, values_of
from alpr_setup.errors import SetupError

_OURS = "alpr-"
_SINKS = "sinks"
_TOKENS = "kubernetes.io/service-account-token"
_ROOT_CA = "kube-root-ca.crt"


@dataclass(slots=True)
class Configuration:
    """What was read.

    Attributes:
        objects: with their kinds; not cleaned yet.
        values: of Helm's releases in the namespace, as YAML by release.
        left_out: what could not be read, in words.
    """

    objects: list[tuple[Kind, Object]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, kind: Kind, found: Sequence[Object]) -> None:
        """Have `found` too."""
        self.objects += [(kind, one) for one in found if not made_by_another(one)]


async def read_configuration(client: Client, namespace: str, *, site_secrets: bool) -> Configuration:
    """What is worth keeping of the release's namespace and of all sites. Raises ApiError where a right is missing."""
    found = Configuration()
    secrets = await client.list(SECRETS, namespace)
    found.values = values_of(secrets)
    found.add(SECRETS, [one for one in secrets if _worth_keeping(one)])
    maps = await client.list(CONFIG_MAPS, namespace)
    found.add(CONFIG_MAPS, [one for one in maps if not made_by_helm(one) and one["metadata"]["name"] != _ROOT_CA])
    sites, cameras = await _custom(client, SITES), await _custom(client, CAMERAS)
    found.add(SITES, sites)
    found.add(CAMERAS, cameras)
    spaces = {one["metadata"]["namespace"] for one in (*sites, *cameras)}
    known = await client.list(NAMESPACES)
    labelled = {one["metadata"]["name"] for one in known if SITE_LABEL in (one["metadata"].get("labels") or {})}
    spaces |= labelled
    found.add(NAMESPACES, [one for one in known if one["metadata"]["name"] in spaces | {namespace}])
    bindings = await client.list(ROLE_BINDINGS)
    found.add(ROLE_BINDINGS, [one for one in bindings if one["metadata"]["namespace"] in spaces - {namespace}])
    for space, name in sorted(_sinks(sites)):
        await _add_sinks(client, found, space, name)
    if site_secrets:
        for space in sorted(spaces - {namespace}):
            theirs = await client.list(SECRETS, space)
            found.add(SECRETS, [one for one in theirs if one.get("type") != _TOKENS and not is_release(one)])
    return found


def _worth_keeping(secret: Object) -> bool:
    """Passwords and keys of the servers, whoever made them: all are called alpr-something."""
    return str(secret["metadata"]["name"]).startswith(_OURS) and not is_release(secret)


async def _custom(client: Client, kind: Kind) -> list[Object]:
    """All objects of a kind of ours; none where its CRD is not there."""
    try:
        return await client.list(kind)
    except NotFound:
        return []


def _sinks(sites: Sequence[Object]) -> set[tuple[str, str]]:
    return {
        (site["metadata"]["namespace"], str((site["spec"].get("sinksRef") or {}).get("name") or _SINKS))
        for site in sites
    }


async def _add_sinks(client: Client, found: Configuration, space: str, name: str) -> None:
    try:
        found.add(CONFIG_MAPS, [await client.get(CONFIG_MAPS, space, name)])
    except NotFound:
        return
    except Forbidden:
        found.left_out.append(f"ConfigMap {space}/{name}: this account may read those called {_SINKS} alone")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to apply.

    Attributes:
        saved: the release's namespace when it was saved.
        target: where its objects shall go.
        force: whether Secrets that exist are overwritten.
        only_secrets: leave all but those of the release's namespace.
    """

    saved: str
    target: str
    force: bool = False
    only_secrets: bool = False
    dry_run: bool = False


async def apply_configuration(client: Client, objects: Sequence[tuple[Kind, Object]], wanted: Wanted) -> list[str]:
    """Apply all by server-side apply; a line an object. Raises SetupError that names what has no place to go."""
    said = []
    promised: set[str] = set()
    for kind, one in in_order(objects, wanted):
        meta = one["metadata"]
        name = "/".join(part for part in (meta.get("namespace"), meta["name"]) if part)
        if kind is NAMESPACES and wanted.dry_run and not await _exists(client, kind, one):
            promised.add(meta["name"])
        if kind is SECRETS and not wanted.force and await _exists(client, kind, one):
            said.append(f"{kind.name} {name}: there, left as it is")
        elif meta.get("namespace") in promised:
            said.append(f"{kind.name} {name}: would be applied; not checked, as its namespace would be made before")
        else:
            await _apply(client, kind, one, name, dry_run=wanted.dry_run)
            said.append(f"{kind.name} {name}: {'would be applied' if wanted.dry_run else 'applied'}")
    return said


async def _apply(client: Client, kind: Kind, one: Object, name: str, *, dry_run: bool) -> None:
    try:
        await client.apply(kind, one, dry_run=dry_run)
    except NotFound as e:
        raise SetupError(f"{kind.name} {name}: {_missing(kind)} ({e.message})") from e


def in_order(objects: Sequence[tuple[Kind, Object]], wanted: Wanted) -> Iterator[tuple[Kind, Object]]:
    """What is to be applied, namespaces first, those of the release where they shall go. Pure."""
    for kind in ORDER:
        for found_kind, one in objects:
            moved = _moved(kind, cleaned(kind, one), wanted) if found_kind is kind else None
            if moved is not None and (not wanted.only_secrets or _of_the_release(kind, moved, wanted)):
                yield kind, moved


def _of_the_release(kind: Kind, one: Object, wanted: Wanted) -> bool:
    meta = one["metadata"]
    return (kind is NAMESPACES and meta["name"] == wanted.target) or (
        kind is SECRETS and meta["namespace"] == wanted.target
    )


def _moved(kind: Kind, one: Object, wanted: Wanted) -> Object:
    key = "name" if kind is NAMESPACES else "namespace"
    if one["metadata"].get(key) != wanted.saved:
        return one
    return {**one, "metadata": {**one["metadata"], key: wanted.target}}


async def _exists(client: Client, kind: Kind, one: Object) -> bool:
    try:
        await client.get(kind, one["metadata"].get("namespace"), one["metadata"]["name"])
    except NotFound:
        return False
    return True


def _missing(kind: Kind) -> str:
    if kind in (SITES, CAMERAS):
        return "the cluster does not know that kind; install chart alpr-crds first"
    return "its namespace is not there"
