"""Objects of the cluster as somebody would write them: without what a server put in. Pure."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from alpr_kubernetes import Kind, Object
from alpr_kubernetes.kinds import CAMERAS, CONFIG_MAPS, NAMESPACES, ROLE_BINDINGS, SECRETS, SITES
from alpr_setup.errors import SetupError

ORDER: Final = (NAMESPACES, SECRETS, CONFIG_MAPS, ROLE_BINDINGS, SITES, CAMERAS)
"""What is kept, in the order in which it comes back: each needs those before it."""
SITE_LABEL: Final = "ovr-alpr.io/site"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_HELM: Final = "helm.sh/release.v1"
_RELEASE_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,51}[a-z0-9])?")
_RELEASE_BYTES: Final = 64 << 20
_OF_THE_SERVER: Final = {
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generation", "managedFields",
    "ownerReferences", "resourceVersion", "selfLink", "uid",
}  # fmt: skip
_NOTES_OF_OTHERS: Final = ("kubectl.kubernetes.io/", "kopf.zalando.org/", "kopf.dev/")
_LABEL_OF_THE_SERVER: Final = "kubernetes.io/metadata.name"


def cleaned(kind: Kind, found: Object) -> Object:
    """The object without status, uid and their like, ready to be applied elsewhere; cleaned again it is the same."""
    meta = {key: value for key, value in found["metadata"].items() if key not in _OF_THE_SERVER}
    notes = {key: value for key, value in (meta.pop("annotations", None) or {}).items() if not _foreign(key)}
    labels = {key: value for key, value in (meta.pop("labels", None) or {}).items() if key != _LABEL_OF_THE_SERVER}
    meta |= ({"annotations": notes} if notes else {}) | ({"labels": labels} if labels else {})
    head: Object = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta}
    rest = {key: value for key, value in found.items() if key not in {*head, "status"}}
    if kind is NAMESPACES:
        rest.pop("spec", None)  # its finalizer is the server's
    return head | rest


def _foreign(annotation: str) -> bool:
    return annotation.startswith(_NOTES_OF_OTHERS)


def made_by_another(found: Object) -> bool:
    """Whether some controller made it out of another object, and will again."""
    return bool(found["metadata"].get("ownerReferences"))


def is_release(secret: Object) -> bool:
    """Whether it is Helm's note of a release: kept as values, never applied, as it would bar the way of an install."""
    return bool(secret.get("type") == _HELM)


def made_by_helm(found: Object) -> bool:
    """Whether a chart makes it: `helm install` will again."""
    return (found["metadata"].get("labels") or {}).get(MANAGED_BY) == "Helm"


def values_of(secrets: Iterable[Object]) -> dict[str, str]:
    """Each release's values (YAML), as its newest revision among Helm's Secrets was told them."""
    newest: dict[str, tuple[int, str]] = {}
    for secret in filter(is_release, secrets):
        release = _release(secret)
        if release is None:
            continue
        name, revision = str(release["name"]), release["version"]
        if revision > newest.get(name, (0, ""))[0]:
            newest[name] = revision, yaml.safe_dump(release.get("config") or {}, sort_keys=False)
    return {name: text for name, (_, text) in sorted(newest.items())}


def _release(secret: Object) -> Mapping[str, Any] | None:
    """Helm packs JSON by gzip and twice by base64; None for what is packed otherwise, or is no release of Helm's."""
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        with gzip.open(io.BytesIO(packed)) as file:
            text = file.read(_RELEASE_BYTES + 1)
        found = json.loads(text) if len(text) <= _RELEASE_BYTES else {}
        # Whoever may write Secrets here says these: the name becomes a file's.
        fits = _RELEASE_NAME.fullmatch(str(found["name"])) and isinstance(found["version"], int)
    except (KeyError, ValueError, OSError, EOFError, zlib.error, TypeError):
        return None
    return found if fits else None


def as_text(objects: Iterable[tuple[Kind, Object]]) -> str:
    """configuration.yaml: one document an object, in the order in which they come back."""
    kinds = [kind.name for kind in ORDER]
    sorted_ones = sorted(
        (cleaned(kind, one) for kind, one in objects),
        key=lambda one: (kinds.index(one["kind"]), one["metadata"].get("namespace", ""), one["metadata"]["name"]),
    )
    return yaml.safe_dump_all(sorted_ones, sort_keys=True, allow_unicode=True)


def parsed(text: str) -> list[tuple[Kind, Object]]:
    """What `as_text` wrote. Raises SetupError for what it never writes."""
    by_name = {kind.name: kind for kind in ORDER}
    try:
        found = [one for one in yaml.safe_load_all(text) if one]
        return [(by_name[one["kind"]], one) for one in found if one["metadata"]["name"]]
    except (yaml.YAMLError, KeyError, TypeError) as e:
        raise SetupError("configuration.yaml is damaged") from e
