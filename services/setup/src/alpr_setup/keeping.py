"""Secrets in the cluster: what is missing is made, what somebody else made stays."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime

from alpr_kubernetes import Object, kinds
from alpr_kubernetes.client import Client
from alpr_kubernetes.errors import Conflict, NotFound
from alpr_setup.contents import Data, missing_contents
from alpr_setup.errors import SetupError
from alpr_setup.plan import Authority, Certificate, Plan

OURS = {"app.kubernetes.io/managed-by": "alpr-setup", "app.kubernetes.io/part-of": "ovr-alpr"}


async def ensure_secrets(client: Client, namespace: str, plan: Plan) -> list[str]:
    """Make `plan` true in `namespace`; what was done, a line each. Raises SetupError and ApiErrors."""
    names = [*plan.secrets, *([plan_authority[1].public] if (plan_authority := plan.authority()) else [])]
    objects = {name: found for name in names if (found := await _found(client, namespace, name)) is not None}
    contents = {name: _data(found) for name, found in objects.items()}
    done = []
    for name, data in missing_contents(plan, contents, datetime.now(UTC)).items():
        _demand_ours(name, objects.get(name))
        if name not in objects:
            await _create(
                client, namespace, name, data, tls=isinstance(plan.secrets.get(name), Certificate | Authority)
            )
            done.append(f"Secret {name}: made")
        else:
            await client.merge(kinds.SECRETS, namespace, name, {"data": _encoded(data)})
            done.append(f"Secret {name}: renewed; its server takes it up when it starts again")
    return done


async def delete_ours(client: Client, namespace: str) -> list[str]:
    """Delete the Secrets that `ensure_secrets` made, and no others; their names."""
    labels = ",".join(f"{key}={value}" for key, value in OURS.items())
    found = await client.list(kinds.SECRETS, namespace, labels=labels)
    for one in found:
        await client.delete(kinds.SECRETS, namespace, one["metadata"]["name"], uid=one["metadata"]["uid"])
    return [one["metadata"]["name"] for one in found]


async def _found(client: Client, namespace: str, name: str) -> Object | None:
    try:
        return await client.get(kinds.SECRETS, namespace, name)
    except NotFound:
        return None


def _demand_ours(name: str, found: Object | None) -> None:
    labels = (found or {}).get("metadata", {}).get("labels") or {}
    if found is not None and OURS.items() - labels.items():
        raise SetupError(
            f"Secret {name} is somebody else's and does not fit (another authority or other names, or it ends soon);"
            " renew it, or delete it to have it made"
        )


async def _create(client: Client, namespace: str, name: str, data: Data, *, tls: bool) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": OURS},
        "type": "kubernetes.io/tls" if tls else "Opaque",
        "data": _encoded(data),
    }
    try:
        await client.create(kinds.SECRETS, manifest)
    except Conflict as e:
        raise SetupError(f"Secret {name} was made by somebody else just now; run this again") from e


def _data(found: Object) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}


def _encoded(data: Mapping[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}
