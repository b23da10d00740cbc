"""The same work by kopf's idiom: on.create and on.update of a Camera, a node by round robin, one status patch.

Everything as kopf has it by default, but for posting of Kubernetes Events, which is off. Ours plans, makes children and
talks to agents beside this; the idiom does none of it.

    KUBECONFIG=admin.kubeconfig python tests/bench/kopf_idiom.py NODES.json       (site → its nodes)
"""

from __future__ import annotations

import itertools
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kopf

_NODES: dict[str, Iterator[str]] = {}


@kopf.on.startup()
def configured(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False


@kopf.on.create("ovr-alpr.io", "v1alpha1", "cameras")
@kopf.on.update("ovr-alpr.io", "v1alpha1", "cameras")
async def assigned(spec: kopf.Spec, status: kopf.Status, meta: kopf.Meta, patch: kopf.Patch, **_: Any) -> None:
    node = status.get("nodeName") or next(_NODES[spec["siteRef"]["name"]])
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {"status": "True", "lastTransitionTime": now, "observedGeneration": meta["generation"]}
    patch.status["nodeName"] = node
    patch.status["observedGeneration"] = meta["generation"]
    patch.status["conditions"] = [
        {**told, "type": "Assigned", "reason": "Assigned", "message": f"on node {node}"},
        {**told, "type": "Ready", "status": "Unknown", "reason": "NoReport", "message": "no agent has reported yet"},
    ]


def main() -> None:
    for site, nodes in json.loads(Path(sys.argv[1]).read_text()).items():
        _NODES[site] = itertools.cycle(nodes)
    logging.basicConfig(level=logging.WARNING)
    kopf.run(clusterwide=True, standalone=True)


if __name__ == "__main__":
    main()
