"""tools/airgap-images and tools/pin-images: every image is in the list, and digests come from a registry that asks for a token."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of tools/ with the tests' own helm, and nobody's passwords."""
    environment = os.environ | {"HELM": str(programs / "helm"), "DOCKER_CONFIG": str(tmp_path_factory.mktemp("none"))}

    def ran(tool: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [str(REPOSITORY / "tools" / tool), *words]
        return subprocess.run(
            command, cwd=REPOSITORY, env=environment | more, capture_output=True, text=True, check=False
        )

    return ran


# --- the list


@pytest.mark.parametrize("overlay", ["dev", "production", "airgap"])
def test_every_image_of_the_render_is_listed_and_no_other(run: Run, programs: Path, overlay: str) -> None:
    """Found by another way than the tool's: by the words of kustomize's build."""
    command = [str(programs / "kustomize"), "build", "--enable-helm", "--helm-command", str(programs / "helm")]
    command += ["--load-restrictor", "LoadRestrictionsNone", f"kustomize/overlays/{overlay}"]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"^ *-? *image: (\S+)$", built, re.MULTILINE))
    named |= set(re.findall(r"^ *(?:cpu|jetson): (\S*ovr-alpr/edge-agent\S*)$", built, re.MULTILINE))
    done = run("airgap-images", "--overlay", f"kustomize/overlays/{overlay}")
    assert done.returncode == 0, done.stderr
    prefix = "" if overlay == "airgap" else "docker.io/"
    assert set(done.stdout.split()) == {prefix + image for image in named}
    assert len(named) > 10
    rendered = subprocess.run(
        [str(REPOSITORY / "tools" / "airgap-images"), "--rendered", "-"],
        input=built,
        capture_output=True,
        text=True,
        check=True,
    )
    assert rendered.stdout == done.stdout
    if overlay == "production":
        assert "Strimzi" in done.stderr


def test_list_follows_the_values_that_are_given(run: Run, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(
        yaml.safe_dump({"kafka": {"bundled": {"image": {"repository": "quay.example.com/k", "tag": "5"}}}})
    )
    done = run("airgap-images", "--values", f"alpr-central={values}")
    assert "quay.example.com/k:5" in done.stdout.split()
    assert "apache/kafka" not in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--values", "alpr-centre=x.yaml"], "CHART is one of alpr-operator, alpr-central, alpr-services"),
        (["--values", "alpr-central=nowhere.yaml"], "nowhere.yaml: there is no such file of values"),
        (["--overlay", "kustomize/overlays/prod"], "there is no kustomization.yaml in it"),
        (["--check", "/nowhere"], "--check /nowhere: there is no such folder"),
    ],
)
def test_what_cannot_be_is_said(run: Run, words: list[str], said: str) -> None:
    done = run("airgap-images", *words)
    assert done.returncode == 1
    assert said in done.stderr


def test_without_helm_it_says_what_to_do(run: Run) -> None:
    done = run("airgap-images", HELM="", PATH="/usr/bin:/bin")
    assert done.returncode == 1
    assert "helm is not in PATH: install it, or name it" in done.stderr


def saved(path: Path, **files: Any) -> None:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, told in files.items():
            data = json.dumps(told).encode()
            info = tarfile.TarInfo(f"{name}.json")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def test_check_names_what_a_folder_lacks(run: Run, tmp_path: Path) -> None:
    needed = run("airgap-images").stdout.split()
    ours = [name.removeprefix("docker.io/") for name in needed if "/ovr-alpr/" in name]
    theirs = [name for name in needed if "/ovr-alpr/" not in name]
    # As buildah writes an OCI archive, as containerd exports many, and as Docker saves.
    for number, name in enumerate(ours):
        notes = {"org.opencontainers.image.ref.name": name}
        saved(tmp_path / f"{number}.tar", index={"manifests": [{"digest": "sha256:" + "a" * 64, "annotations": notes}]})
    manifests = [
        {"digest": "sha256:" + "b" * 64, "annotations": {"io.containerd.image.name": name}} for name in theirs[1:3]
    ]
    saved(tmp_path / "many.tar.gz", index={"manifests": manifests})
    saved(tmp_path / "docker.tgz", manifest=[{"RepoTags": [name.removeprefix("docker.io/") for name in theirs[3:]]}])
    (tmp_path / "notes.zst").write_text("not an archive that is read")
    done = run("airgap-images", "--check", str(tmp_path))
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("missing")] == [f"missing: {theirs[0]}"]
    assert "notes.zst: not read" in done.stderr
    assert done.stdout.startswith(f"{len(needed) - 1} of {len(needed)} images are in ")
    saved(tmp_path / "last.tar", manifest=[{"RepoTags": [theirs[0]]}])
    assert run("airgap-images", "--check", str(tmp_path)).returncode == 0


# --- digests


class Registry:
    """A registry that knows images by tag, and tells nothing without a token that it gave for that repository."""

    def __init__(self, lacks: str = "", *, silent: bool = False) -> None:
        self.lacks, self.silent = lacks, silent
        self.asked: list[tuple[str, str]] = []
        self.port = 0

    def body(self, repository: str, tag: str) -> bytes:
        return json.dumps({"repository": repository, "tag": tag}).encode()

    def digest(self, repository: str, tag: str) -> str:
        return "sha256:" + hashlib.sha256(self.body(repository, tag)).hexdigest()

    def answer(self, method: str, path: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((method, path))
        url = urlsplit(path)
        if url.path == "/token":
            scope = parse_qs(url.query)["scope"][0]
            return 200, {}, json.dumps({"token": f"for {scope}"}).encode()
        found = re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", url.path)
        assert found, path
        scope = f"repository:{found[1]}:pull"
        if headers.get("Authorization") != f"Bearer for {scope}":
            way = f'Bearer realm="http://127.0.0.1:{self.port}/token",service="here",scope="{scope}"'
            return 401, {"WWW-Authenticate": way}, b""
        assert "vnd.oci.image.index.v1+json" in headers["Accept"]
        if self.lacks and self.lacks in path:
            return 404, {}, b""
        told = {} if self.silent else {"Docker-Content-Digest": self.digest(found[1], found[2])}
        return 200, told, self.body(found[1], found[2])


@contextmanager
def serving(registry: Registry) -> Iterator[Registry]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = registry.answer(self.command, self.path, self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()


def mirrored(folder: Path, port: int) -> list[str]:
    """Words for the production overlay with every image in a registry at `port`."""
    prefix = f"127.0.0.1:{port}/mirror"
    edge = {name: f"{prefix}/ovr-alpr/edge-agent:0.1.0-{name}" for name in ("cpu", "jetson")}
    told = {"alpr-operator": {"config": {"images": edge}}, "alpr-central": {}, "alpr-services": {}}
    words = ["--overlay", "kustomize/overlays/production"]
    for chart, values in told.items():
        (folder / f"{chart}.yaml").write_text(yaml.safe_dump({"imageRegistry": prefix, **values}))
        words += ["--values", f"{chart}={folder / chart}.yaml"]
    return words


def pinned_words(words: list[str], out: Path) -> list[str]:
    return [*words, *(word for path in sorted(out.iterdir()) for word in ("--values", f"{path.stem}={path}"))]


@pytest.mark.parametrize("silent", [False, True], ids=["tells-digests", "has-to-be-read"])
def test_every_image_of_production_is_pinned_to_what_its_registry_says(
    run: Run, tmp_path: Path, *, silent: bool
) -> None:
    with serving(Registry(silent=silent)) as registry:
        words = mirrored(tmp_path, registry.port)
        out = tmp_path / "pinned"
        done = run("pin-images", *words, "--out", str(out))
        assert done.returncode == 0, done.stderr
    tags = run("airgap-images", *words).stdout.split()
    pinned = run("airgap-images", *pinned_words(words, out)).stdout.split()
    assert len(tags) == len(pinned) > 10
    expected = set()
    for image in tags:
        host, _, rest = image.partition("/")
        repository, _, tag = rest.rpartition(":")
        whole = "/edge-agent" in repository or "timescaledb-ha" in repository
        expected.add(f"{host}/{repository}{f':{tag}' if whole else ''}@{registry.digest(repository, tag)}")
    assert set(pinned) == expected
    # Servers in another mode are left alone: their images are no part of it, and the charts' schemas would refuse them.
    assert not [path for _, path in registry.asked if "apache/kafka" in path]
    assert len([path for method, path in registry.asked if method == "HEAD"]) == 2 * len(
        tags
    )  # refused once, then told


def test_image_that_dumps_a_database_of_yours_is_pinned_too(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({"backup": {"enabled": True, "postgresImage": "library/postgres:17"}}))
    with serving(Registry()) as registry:
        words = [*mirrored(tmp_path, registry.port), "--values", f"alpr-central={own}"]
        out = tmp_path / "pinned"
        done = run("pin-images", *words, "--out", str(out))
        assert done.returncode == 0, done.stderr
    pinned = f"library/postgres:17@{registry.digest('mirror/library/postgres', '17')}"
    assert yaml.safe_load((out / "alpr-central.yaml").read_text())["backup"] == {"postgresImage": pinned}
    listed = run("airgap-images", *pinned_words(words, out)).stdout.split()
    assert f"127.0.0.1:{registry.port}/mirror/{pinned}" in listed


def test_second_run_gives_the_same_and_sees_the_tags_behind_the_pins(run: Run, tmp_path: Path) -> None:
    with serving(Registry()) as registry:
        words = mirrored(tmp_path, registry.port)
        out = tmp_path / "pinned"
        assert run("pin-images", *words, "--out", str(out)).returncode == 0
        first = {path.name: path.read_text() for path in out.iterdir()}
        again = run("pin-images", *pinned_words(words, out), "--out", str(out))
        assert again.returncode == 0, again.stderr
        assert {path.name: path.read_text() for path in out.iterdir()} == first
        assert all("sha256:" in text for text in first.values())


class Storage(Registry):
    """Where a registry keeps its manifests: it wants no token, and must get none."""

    def answer(self, method: str, path: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((method, headers.get("Authorization", "")))
        return 200, {"Docker-Content-Digest": self.digest("kept", "elsewhere")}, b""


class Redirecting(Registry):
    """A registry that sends who has a token on to its storage."""

    def __init__(self, storage: Registry) -> None:
        super().__init__()
        self.storage = storage

    def answer(self, method: str, path: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        status, told, body = super().answer(method, path, headers)
        if status != 200 or path.startswith("/token"):
            return status, told, body
        return 307, {"Location": f"http://localhost:{self.storage.port}/kept"}, b""


def test_token_is_not_carried_to_where_a_registry_sends_us() -> None:
    with serving(Storage()) as storage, serving(Redirecting(storage)) as registry:
        words = f"import registry_digests; print(registry_digests.digest_of('127.0.0.1:{registry.port}/a/b:1'))"
        command = [sys.executable, "-c", words]
        done = subprocess.run(command, cwd=REPOSITORY / "tools", capture_output=True, text=True, check=False)
    assert done.stdout.strip() == storage.digest("kept", "elsewhere"), done.stderr
    assert {told for _, told in storage.asked} == {""}


def test_missing_image_is_named_and_the_others_are_written(run: Run, tmp_path: Path) -> None:
    with serving(Registry(lacks="jetson")) as registry:
        words = mirrored(tmp_path, registry.port)
        done = run("pin-images", *words)
    assert done.returncode == 1
    assert f"edge-agent:0.1.0-jetson: 127.0.0.1:{registry.port}: it has no such image" in done.stderr
    assert "1 images have no digest yet; the others are written." in done.stderr
    printed = yaml.safe_load_all(done.stdout)
    operator = next(iter(printed))
    assert operator["config"]["images"].keys() == {"cpu"}
    assert operator["image"]["digest"].startswith("sha256:")


def test_where_no_registry_is_in_reach_nothing_is_written(run: Run, tmp_path: Path) -> None:
    with serving(Registry()) as registry:
        port = registry.port
    out = tmp_path / "pinned"
    done = run("pin-images", *mirrored(tmp_path, port), "--out", str(out))
    assert done.returncode == 1
    assert f"127.0.0.1:{port} is not in reach: " in done.stderr
    assert "No registry is in reach: nothing was written." in done.stderr
    assert not out.exists()


def test_make_says_where_pins_go() -> None:
    """The folder that `make pin-images` fills is the one that the overlay reads."""
    makefile = (REPOSITORY / "Makefile").read_text()
    overlay = "kustomize/overlays/production"
    assert f"--overlay {overlay} --out {overlay}/pinned" in makefile
    charts = yaml.safe_load((REPOSITORY / overlay / "kustomization.yaml").read_text())["helmCharts"]
    assert [chart["additionalValuesFiles"][-1] for chart in charts] == [
        f"pinned/{each['name']}.yaml" for each in charts
    ]
