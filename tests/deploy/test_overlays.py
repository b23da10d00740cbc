"""kustomize's overlays: they build, are valid, and differ only where they are meant to."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpr_testing import kubeconform
from alpr_testing.manifests import containers, outside_the_restricted_profile, pods

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
OVERLAYS = ("dev", "staging", "production", "airgap")
MIRROR = "registry.example.com/mirror/"
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def built(programs: Path) -> dict[str, str]:
    """Each overlay's build, word for word."""
    return {name: build(programs, name) for name in OVERLAYS}


def build(programs: Path, name: str) -> str:
    command = [str(programs / "kustomize"), "build", "--enable-helm", "--helm-command", str(programs / "helm")]
    command += ["--load-restrictor", "LoadRestrictionsNone", f"kustomize/overlays/{name}"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def objects(built: dict[str, str]) -> dict[str, list[Manifest]]:
    return {name: [found for found in yaml.load_all(text, yaml.CSafeLoader) if found] for name, text in built.items()}


@pytest.fixture(scope="module")
def verdicts(
    programs: Path, schemas: list[Path], built: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[kubeconform.Verdict]]:
    return kubeconform.verdicts(programs / "kubeconform", schemas, built, tmp_path_factory.mktemp("overlays"))


@pytest.mark.parametrize("name", OVERLAYS)
def test_kubeconform_finds_nothing(
    verdicts: dict[str, list[kubeconform.Verdict]],
    objects: dict[str, list[Manifest]],
    schemas: list[Path],
    name: str,
) -> None:
    assert len(verdicts[name]) == len(objects[name])
    assert kubeconform.invalid(verdicts[name]) == []
    skipped = kubeconform.not_judged(verdicts[name])
    assert skipped <= kubeconform.out_of_reach(schemas)
    if skipped:
        pytest.skip(f"not verified here, as their CRDs cannot be had: {', '.join(sorted(skipped))}; the rest is valid")


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_pod_keeps_to_the_restricted_profile(objects: dict[str, list[Manifest]], name: str) -> None:
    assert len(list(pods(objects[name]))) > 10
    assert outside_the_restricted_profile(objects[name]) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_step_is_there_that_uninstalls(objects: dict[str, list[Manifest]], name: str) -> None:
    """What Helm runs at its own time, kubectl applies with the rest: only steps that may be run again belong there."""
    hooks = {(each["metadata"].get("annotations") or {}).get("helm.sh/hook") for each in objects[name]}
    assert hooks <= {None, "pre-install,pre-upgrade", "post-install,post-upgrade"}
    assert {each["kind"] for each in objects[name]} & {"Pod"} == set()
    jobs = [each for each in objects[name] if each["kind"] == "Job"]
    assert jobs
    assert {each["spec"]["ttlSecondsAfterFinished"] for each in jobs} == {300}


@pytest.mark.parametrize("name", OVERLAYS)
def test_namespace_and_crds_come_first(objects: dict[str, list[Manifest]], name: str) -> None:
    kinds = [each["kind"] for each in objects[name]]
    assert kinds[:5] == ["Namespace", *["CustomResourceDefinition"] * 4]
    names = [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in objects[name]]
    assert len(set(names)) == len(names)
    spaces = {each["metadata"].get("namespace") for each in objects[name]}
    assert spaces == {None, "alpr-system"}


# --- where they differ


def test_overlays_differ_only_where_meant(
    objects: dict[str, list[Manifest]], golden: Callable[[str, str], None]
) -> None:
    told = {
        f"{one} to {other}": differences(objects[one], objects[other])
        for one, other in (("dev", "staging"), ("staging", "production"), ("dev", "airgap"))
    }
    golden("overlays.yaml", yaml.safe_dump(told, sort_keys=False, width=120))


def differences(one: list[Manifest], other: list[Manifest]) -> Manifest:
    """Objects that only one has, and each changed field: what became of it, and in which objects."""
    before, after = by_name(one), by_name(other)
    changed: dict[str, dict[str, list[str]]] = {}
    for name in sorted(before.keys() & after.keys()):
        for path, what in changes(before[name], after[name]):
            changed.setdefault(path, {}).setdefault(what, []).append(name)
    return {
        "only before": sorted(before.keys() - after.keys()),
        "only after": sorted(after.keys() - before.keys()),
        "changed": {
            path: {what: ", ".join(names) for what, names in changed[path].items()} for path in sorted(changed)
        },
    }


def by_name(found: list[Manifest]) -> dict[str, Manifest]:
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


def changes(was: Any, now: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each changed field and what became of it; what is there on one side alone counts once, with all below it."""
    was, now = named(was), named(now)
    if isinstance(was, dict) and isinstance(now, dict):
        for key in [*was, *(key for key in now if key not in was)]:
            if not key.startswith("checksum/"):
                yield from changes(was.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif was != now:
        yield path, change(was, now)


def named(part: Any) -> Any:
    """A list of objects by their names, a text by its lines, and every image without the mirror before it."""
    if isinstance(part, list) and any(isinstance(each, dict) for each in part):
        return {str(each.get("name", number)): each for number, each in enumerate(part)}
    if isinstance(part, str):
        text = part.replace(MIRROR, "")
        return text.splitlines() if "\n" in text else text
    return part


def change(was: Any, now: Any) -> str:
    """What was, and what is; of lists what went and came, as far as it is on one line."""
    if not (isinstance(was, list) and isinstance(now, list)):
        return f"{short(was)} -> {short(now)}"
    turned = [f"-{each}" for each in was if each not in now] + [f"+{each}" for each in now if each not in was]
    turned = [" ".join(each.split()) for each in turned]
    return ", ".join(turned[:6]) + (f" and {len(turned) - 6} more" if len(turned) > 6 else "")


def short(value: Any) -> str:
    if value is None or isinstance(value, dict):
        return "none" if value is None else "there"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def test_airgap_takes_every_image_from_the_mirror_and_no_other_overlay_does(built: dict[str, str]) -> None:
    for name, text in built.items():
        images = [line.split("image: ")[1] for line in text.splitlines() if " image: " in line]
        images += [
            line.split(": ")[1] for line in text.splitlines() if line.strip().startswith(("cpu: ovr", "jetson:"))
        ]
        assert len(images) > 10
        assert {image.startswith(MIRROR) for image in images} == {name == "airgap"}


def test_nodes_of_an_airgapped_site_take_theirs_from_the_mirror(objects: dict[str, list[Manifest]]) -> None:
    settings = by_name(objects["airgap"])["ConfigMap/alpr-operator"]["data"]["operator.yaml"]
    assert all(image.startswith(MIRROR) for image in yaml.safe_load(settings)["images"].values())
    policies = {each["imagePullPolicy"] for _, _, pod in pods(objects["airgap"]) for each in containers(pod)}
    assert policies == {"IfNotPresent"}


def test_production_keeps_three_copies_and_follows_the_load(objects: dict[str, list[Manifest]]) -> None:
    found = by_name(objects["production"])
    assert found["Kafka/alpr"]["spec"]["kafka"]["config"]["default.replication.factor"] == 3
    assert found["Cluster/alpr-database"]["spec"]["instances"] == 3
    assert found["OpenSearchCluster/alpr-search"]["spec"]["nodePools"][0]["replicas"] >= 3
    assert {"HorizontalPodAutoscaler/query-api", "ScaledObject/storage-consumer", "ScaledObject/search-indexer"} <= set(
        found
    )
    assert found["Deployment/alpr-operator"]["spec"]["replicas"] == 2


def test_namespace_is_only_as_open_as_other_projects_pods_need(objects: dict[str, list[Manifest]]) -> None:
    enforced = {
        name: by_name(found)["Namespace/alpr-system"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for name, found in objects.items()
    }
    assert enforced == {"dev": "restricted", "staging": "baseline", "production": "baseline", "airgap": "restricted"}


def test_overlays_hold_no_object_of_their_own() -> None:
    """Logic stays in the charts: an overlay is a kustomization and values."""
    for path in (REPOSITORY / "kustomize" / "overlays").rglob("*.yaml"):
        told = yaml.safe_load(path.read_text())
        if path.name == "kustomization.yaml":
            keys = {"apiVersion", "kind", "resources", "components", "helmGlobals", "helmCharts"}
            assert told.keys() == keys, path
            assert told["resources"] == ["../../base"], path
        else:
            assert "kind" not in told, path
