"""Invented objects, by the API server and offline: one verdict, and where both refuse, one field."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from alpr_kubernetes import kinds
from alpr_schemas.documents import dotted
from alpr_schemas.verdicts import judge
from alpr_testing.objects import Objects, Refusal

pytestmark = pytest.mark.integration

CAMERA = """\
apiVersion: ovr-alpr.io/v1alpha1
kind: Camera
metadata: {name: gate}
spec:
  siteRef: {name: north}
  enabled: true
  displayName: Gate
  priority: 7
  source:
    protocol: file
    url: file:///clips/a.mp4
    credentialsSecretRef: {name: gate-login}
    transport: udp
    loop: true
    realtime: true
  stream: {codec: h264, width: 1920, height: 1080, fps: 12.5}
  analytics:
    lane: "1"
    direction: both
    roi: [{points: [[0, 0], [1, 0], [0.5, 1]]}]
    countries: [DE, AT]
    minConfidence: 0.5
    minPlateWidthPx: 30
    frameSkip: 2
  placement: {nodeSelector: {rack: left, example.com/zone: a}}
  costUnits: 3
  deletionPolicy: Drain
"""
SITE = """\
apiVersion: ovr-alpr.io/v1alpha1
kind: AlprSite
metadata: {name: north}
spec:
  siteId: north
  timezone: Europe/Berlin
  paused: false
  nodeClasses:
    - name: kiosk
      selector: {hardware: kiosk}
      gpu: {mode: runtimeClass}
      runtimeClassName: nvidia
      capacityUnits: 12
      agent: {image: example.com/a, resources: {requests: {cpu: 2}, limits: {memory: 6Gi}}}
    - {name: other, capacityUnits: measured}
  models:
    detector:
      name: plates
      digest: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      url: https://models.example.com/plates.onnx
  rollout:
    strategy: Canary
    steps: [{nodes: 1, soak: 5m}, {percent: 100}]
    gates: {minFpsRatio: 0.5}
    windows: [{days: [Mon], start: "22:00", end: "04:00"}]
    maxUnavailable: 2
  assignment: {policy: Pack, reservePercent: 5, failover: {enabled: false, after: 1h30m}}
  edge: {credentials: Secret, hostPath: /var/lib/alpr-edge/a, nodeSelector: {zone: a}}
  sinksRef: {name: sinks}
"""
ASSIGNMENT = """\
apiVersion: ovr-alpr.io/v1alpha1
kind: EdgeAssignment
metadata: {name: node-a}
spec:
  schema: 1
  nodeName: node-a
  nodeUid: 4d1b6a8e-0000-4000-8000-000000000000
  site: north
  revision: 3
  cameras:
    - name: gate
      uid: a
      epoch: 1
      config: {source: {protocol: rtsp, url: "rtsp://192.0.2.1/a"}}
      sealedCredential: {keyId: a, secretVersion: "1", box: YQ==}
  released: [{name: yard, epoch: 2, since: "2026-01-02T03:04:05Z", revision: 3, to: node-b}]
  connectPerSecond: 2.5
  reportRefresh: 5m
"""
BASES = [yaml.safe_load(text) for text in (CAMERA, SITE, ASSIGNMENT)]
BASES += [
    one for path in sorted(Path("crds/examples/good").glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())
]

TEXTS = st.sampled_from(
    [
        "", "a", "A", "x" * 64, "x" * 300, "-a", "a.b", "10m", "1h30m", "5x", "12345m", "00:00", "24:00", "measured",
        "rtsp://192.0.2.1/a", "RTSP://192.0.2.1/a", "rtsp://me:pw@192.0.2.1/", "rtsp://h/p@q", "rtsp:x", "http://h", "usb://0",
        "v4l2:///dev/video0", "file:///a", "s3://b/k", "https://u@h/", "https://h/?a=b@c", "DE", "de", "h265", "Europe/Berlin",
        "/var/lib/alpr-edge", "/var/lib/alpr-edge/../x", "sha256:" + "0" * 64, "500m", "6Gi", "6 GB", "1e3", "é", "a\nb", "gate\n",
    ]
)  # fmt: skip
VALUES = st.one_of(
    TEXTS,
    st.integers(-2, 3),
    st.sampled_from([15, 16, 90, 91, 100, 101, 1000, 1001, 5001, 100_000, 100_001, 2**40]),
    st.sampled_from([0.0, 0.5, 1.0, 1.5, -0.1, 240.0, 240.5]),
    st.booleans(),
    st.none(),
    st.just([]),
    st.just({}),
    st.just([[0, 0], [1, 1]]),
    st.just({"name": "a"}),
    st.lists(TEXTS, max_size=3),
    st.dictionaries(TEXTS, TEXTS, max_size=2),
)


def places(node, path=()):
    """Every place in `node`, but for moments: the server takes an empty list as one."""
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in parts:
        if key == "since":
            continue
        yield (*path, key)
        yield from places(value, (*path, key))


@st.composite
def invented(draw):
    """A good object with up to three changes."""
    manifest = copy.deepcopy(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(1, 3))):
        spots = list(places(manifest["spec"]))
        if not spots:
            break
        *way, last = draw(st.sampled_from(spots))
        node = manifest["spec"]
        for step in way:
            node = node[step]
        match draw(st.sampled_from(["set", "set", "set", "drop", "again", "misspell"])):
            case "set":
                node[last] = copy.deepcopy(draw(VALUES))
            case "drop":
                del node[last]
            case "again" if isinstance(node, list):
                node.append(copy.deepcopy(node[last]))
            case "misspell" if isinstance(node, dict):
                node[f"{last}s"] = node.pop(last)
    return manifest


@pytest.fixture(scope="module")
def refused(control_plane):
    """What the server says against an object; None where it takes it."""
    client = Objects(control_plane.kubeconfig)

    def ask(manifest):
        path = kinds.BY_NAME[manifest["kind"]].path("default")
        try:
            client._sent("POST", path, manifest, params={"dryRun": "All", "fieldValidation": "Strict"})
        except Refusal as e:
            return e.message
        return None

    yield ask
    client.close()


def plain(text):
    return text.replace("[", ".").replace("]", "").replace(".", "")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(invented())
def test_15_invented_objects_get_one_verdict(refused, manifest):
    said = refused(manifest)
    ours = judge(manifest).faults
    note(json.dumps(manifest["spec"]))
    note(f"the server: {said}")
    note(f"offline: {[str(fault) for fault in ours]}")
    assert (said is None) == (not ours)
    if said:
        assert any(plain(dotted(fault.path)) in plain(said) for fault in ours)
