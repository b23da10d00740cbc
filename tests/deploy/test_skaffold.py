"""skaffold.yaml, as far as it can be judged without skaffold: its fields, its paths, its images, and the script that it calls."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
import yaml

from alpr_testing.manifests import containers, pods
from alpr_testing.needs import missing

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
TOLD = yaml.safe_load((REPOSITORY / "skaffold.yaml").read_text())
BUILD = REPOSITORY / "tools" / "skaffold-build"
COMPONENTS = sorted(artifact["image"].removeprefix("ovr-alpr/") for artifact in TOLD["build"]["artifacts"])
Manifest = dict[str, Any]

# The fields of skaffold/v4beta11 that we use, with their types, out of its pkg/skaffold/schema/v4beta11/config.go. A list is a list of
# its one item; str as a key stands for any name.
WORDS: dict[Any, Any] = {str: str}
FIELDS: dict[Any, Any] = {
    "apiVersion": str,
    "kind": str,
    "metadata": {"name": str, "labels": WORDS, "annotations": WORDS},
    "build": {
        "artifacts": [
            {
                "image": str,
                "context": str,
                "custom": {
                    "buildCommand": str,
                    "dependencies": {"command": str, "paths": [str], "ignore": [str], "dockerfile": {"path": str}},
                },
                "platforms": [str],
            }
        ],
        "tagPolicy": {"inputDigest": {}, "sha256": {}, "gitCommit": {"variant": str}},
        "local": {"push": bool, "concurrency": int, "useBuildkit": bool},
        "platforms": [str],
    },
    "deploy": {
        "helm": {
            "flags": {"global": [str], "install": [str], "upgrade": [str]},
            "releases": [
                {
                    "name": str,
                    "chartPath": str,
                    "namespace": str,
                    "createNamespace": bool,
                    "skipBuildDependencies": bool,
                    "skipTests": bool,
                    "wait": bool,
                    "valuesFiles": [str],
                    "setValues": WORDS,
                    "setValueTemplates": WORDS,
                }
            ],
        }
    },
    "portForward": [{"resourceType": str, "resourceName": str, "namespace": str, "port": int, "localPort": int}],
}
REQUIRED = {"": ("apiVersion", "kind"), "build.artifacts[]": ("image",), "deploy.helm.releases[]": ("name",)}


def faults(told: Any, known: Any, path: str = "") -> Iterator[str]:
    """What in `told` is no field, is of another type, or is missing."""
    if isinstance(known, dict) and isinstance(told, dict):
        yield from (f"{path}.{name} is missing" for name in REQUIRED.get(path, ()) if name not in told)
        for key, value in told.items():
            below = known.get(key, known.get(str))
            here = f"{path}.{key}" if path else key
            yield from [f"{here} is no field"] if below is None else faults(value, below, here)
    elif isinstance(known, list) and isinstance(told, list):
        for each in told:
            yield from faults(each, known[0], f"{path}[]")
    elif not (isinstance(known, type) and type(told) is known):
        yield f"{path} is of another type"


def test_fields_are_those_of_the_version_that_it_names() -> None:
    assert TOLD["apiVersion"] == "skaffold/v4beta11"
    assert TOLD["kind"] == "Config"
    assert list(faults(TOLD, FIELDS)) == []
    assert len(TOLD["build"]["tagPolicy"]) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({**TOLD, "deploys": {}}, "deploys is no field"),
        ({**TOLD, "build": {"artifacts": [{"custom": {}}]}}, "build.artifacts[].image is missing"),
        ({**TOLD, "portForward": [{"port": "8000"}]}, "portForward[].port is of another type"),
        ({"kind": "Config"}, ".apiVersion is missing"),
    ],
)
def test_check_of_fields_finds_a_fault(wrong: Manifest, said: str) -> None:
    assert said in list(faults(wrong, FIELDS))


def test_everything_that_it_names_is_there() -> None:
    for artifact in TOLD["build"]["artifacts"]:
        component = artifact["image"].removeprefix("ovr-alpr/")
        custom = artifact["custom"]
        assert custom["buildCommand"] == f"tools/skaffold-build {component}"
        assert custom["dependencies"] == {"command": f"tools/skaffold-build --inputs {component}"}
    assert os.access(BUILD, os.X_OK)
    for release in TOLD["deploy"]["helm"]["releases"]:
        assert (REPOSITORY / release["chartPath"] / "Chart.yaml").is_file()
        assert all((REPOSITORY / path).is_file() for path in release["valuesFiles"])


# --- images


def sets(release: Manifest) -> list[str]:
    """`--set` of a release, as skaffold would fill its templates for images called dev/NAME:built."""
    words = []
    for key, template in release["setValueTemplates"].items():
        value = re.sub(r"\{\{\.IMAGE_REPO_(\w+)\}\}", r"dev/\1", template)
        words += ["--set", f"{key}={re.sub(r'{{.IMAGE_TAG_(.+)}}', r'built', value)}"]
    return words


@pytest.fixture(scope="module")
def deployed(helm: Callable[..., subprocess.CompletedProcess[str]]) -> list[Manifest]:
    found = []
    for release in TOLD["deploy"]["helm"]["releases"]:
        values = [word for path in release["valuesFiles"] for word in ("--values", path)]
        done = helm("template", release["name"], release["chartPath"], *values, *sets(release))
        assert done.returncode == 0, done.stderr
        found += [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]
    return found


def test_every_image_of_ours_in_the_charts_is_one_that_it_builds(deployed: list[Manifest]) -> None:
    images = {container["image"] for _, _, pod in pods(deployed) for container in containers(pod)}
    settings = next(each["data"]["operator.yaml"] for each in deployed if "operator.yaml" in (each.get("data") or {}))
    images.add(yaml.safe_load(settings)["images"]["cpu"])
    assert not [image for image in images if "ovr-alpr/" in image]
    # skaffold writes "_" for what its templates cannot hold: "/", "-" and "."
    built = {f"dev/{re.sub('[/.-]', '_', artifact['image'])}:built" for artifact in TOLD["build"]["artifacts"]}
    assert {image for image in images if image.startswith("dev/")} == built


def test_it_builds_each_component_that_has_an_image() -> None:
    command = [sys.executable, "-c", "import image_inputs; print(*sorted(image_inputs.COMPONENTS))"]
    known = subprocess.run(command, cwd=REPOSITORY / "tools", capture_output=True, text=True, check=True).stdout.split()
    assert known == COMPONENTS


# --- the script


def test_inputs_are_what_the_component_is_made_of_and_nothing_else() -> None:
    done = subprocess.run([BUILD, "--inputs", "query-api"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert all((REPOSITORY / path).is_file() for path in found)
    assert {"services/query-api/Containerfile", "services/query-api/pyproject.toml", "requirements.lock"} <= set(found)
    assert any(path.startswith("libs/plates/src/") for path in found)  # it needs that
    assert not [path for path in found if path.startswith(("operator/", "edge-agent/")) or "/tests/" in path]


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        ([], {}, "say a component, as in  tools/skaffold-build query-api"),
        (["query-api"], {}, "by hand: IMAGE=ovr-alpr/query-api:dev PUSH_IMAGE=false tools/skaffold-build query-api"),
        (
            ["query-api"],
            {"IMAGE": "a:b", "PLATFORMS": "linux/amd64,linux/arm64"},
            "builds for the machine that it runs on",
        ),
        (["query-api"], {"IMAGE": "a:b", "PATH": "/nowhere"}, "docker, podman or nerdctl"),
        (["--inputs", "query"], {}, "query: no component; there are: operator, edge-agent"),
    ],
)
def test_script_says_what_it_lacks(words: list[str], environment: dict[str, str], said: str, tmp_path: Path) -> None:
    if environment.get("PATH") == "/nowhere":  # bash and dirname, and no program that takes images
        for name in ("bash", "dirname"):
            (tmp_path / name).symlink_to(str(shutil.which(name)))
        environment = environment | {"PATH": str(tmp_path)}
    plain = {key: value for key, value in os.environ.items() if key not in ("IMAGE", "PUSH_IMAGE", "PLATFORMS", "LOAD")}
    done = subprocess.run([BUILD, *words], env=plain | environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert said in done.stderr


def built(**given: str) -> None:
    """Runs the script as skaffold does, for the component setup."""
    if not (shutil.which("buildah") and shutil.which("debootstrap")) or os.geteuid() != 0:
        missing("images are built by root, with buildah and debootstrap: tools/debian-packages node")
    environment = os.environ | {"BUILD_CONTEXT": str(REPOSITORY), "PLATFORMS": "linux/amd64"} | given
    done = subprocess.run([BUILD, "setup"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.long
@pytest.mark.timeout(900)  # two file systems and an image, cold
def test_script_builds_an_image_and_hands_it_over(tmp_path: Path) -> None:
    """For a cluster that takes images from here; what takes them writes a file."""
    taken, take = tmp_path / "taken.tar", tmp_path / "take"
    take.write_text(f"#!/bin/sh\ncat >{taken}\n")
    take.chmod(0o755)
    image = "dev.example.com/ovr-alpr/setup:abc"
    built(IMAGE=image, PUSH_IMAGE="false", LOAD=str(take))
    with tarfile.open(taken) as archive:
        (told,) = json.load(archive.extractfile("manifest.json") or pytest.fail("no manifest"))
        assert told["RepoTags"] == [image]
        config = json.load(archive.extractfile(told["Config"]) or pytest.fail("no configuration"))
    assert config["config"]["Entrypoint"] == ["alpr-setup"]


class Uploads(BaseHTTPRequestHandler):
    """A registry that takes what is pushed: blobs in one piece or several, then the manifest that names them."""

    blobs: ClassVar[dict[str, bytes]] = {}
    manifests: ClassVar[dict[str, Any]] = {}
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        self.answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        self.answer(200 if self.path.rpartition("/")[2] in self.blobs else 404)

    def do_POST(self) -> None:
        self.body()
        self.answer(202, Location=f"{self.path}{len(self.blobs)}", Range="0-0")

    def do_PATCH(self) -> None:
        told = self.body()
        self.blobs[self.path] = self.blobs.get(self.path, b"") + told
        self.answer(202, Location=self.path, Range=f"0-{len(self.blobs[self.path]) - 1}")

    def do_PUT(self) -> None:
        told = self.body()
        if "/manifests/" in self.path:
            self.manifests[self.path] = json.loads(told)
            digest = f"sha256:{hashlib.sha256(told).hexdigest()}"
        else:
            upload, _, digest = self.path.replace("%3A", ":").partition("?digest=")
            self.blobs[digest] = self.blobs.pop(upload, b"") + told
            assert digest == f"sha256:{hashlib.sha256(self.blobs[digest]).hexdigest()}"
        self.answer(201, Docker_Content_Digest=digest)

    def log_message(self, *words: object) -> None:
        pass


@pytest.mark.long
@pytest.mark.timeout(900)  # two file systems and an image, cold
def test_script_builds_an_image_and_pushes_it(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Uploads) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        host = f"127.0.0.1:{server.server_address[1]}"
        trusted = tmp_path / "registries.conf"
        trusted.write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
        try:
            built(IMAGE=f"{host}/dev/setup:abc", PUSH_IMAGE="true", CONTAINERS_REGISTRIES_CONF=str(trusted))
        finally:
            server.shutdown()
            thread.join()
    assert list(Uploads.manifests) == ["/v2/dev/setup/manifests/abc"]
    manifest = Uploads.manifests["/v2/dev/setup/manifests/abc"]
    assert {part["digest"] for part in [manifest["config"], *manifest["layers"]]} <= Uploads.blobs.keys()
    assert json.loads(Uploads.blobs[manifest["config"]["digest"]])["config"]["Entrypoint"] == ["alpr-setup"]
