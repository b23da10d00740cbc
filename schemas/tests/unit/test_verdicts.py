"""Verdicts in the server's words, without a server; `integration/test_samples.py` holds both to each other."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alpr_schemas.manifests import check_documents
from alpr_schemas.resources import Camera, EdgeReport, ReportStatus
from alpr_schemas.verdicts import judge, judge_update

BAD = sorted(Path("crds/examples/bad").glob("*.yaml"))
CAMERA = yaml.safe_load("""
apiVersion: ovr-alpr.io/v1alpha1
kind: Camera
metadata: {name: gate}
spec:
  siteRef: {name: north}
  source: {protocol: rtsp, url: "rtsp://192.0.2.1/a"}
""")


def camera(**spec):
    manifest = copy.deepcopy(CAMERA)
    manifest["spec"] |= spec
    return manifest


def faults(manifest):
    return [str(fault) for fault in judge(manifest).faults]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_each_bad_sample_gets_the_sentence_it_names(path):
    wanted = path.read_text().splitlines()[0].removeprefix("# expect: ")
    (problem,) = check_documents([path])
    assert f"{problem.field}: {problem.message}".startswith(wanted)


@pytest.mark.parametrize("path", sorted(Path("crds/examples/good").glob("*.yaml")), ids=lambda path: path.stem)
def test_good_samples_are_taken(path):
    assert check_documents([path]) == []


def test_what_is_null_is_not_there_and_two_point_zero_is_whole():
    assert faults(camera(priority=None, stream=None, costUnits=2.0)) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"priority": "7"}, "spec.priority: must be of type integer"),
        ({"priority": 7.5}, "spec.priority: must be of type integer"),
        ({"priority": True}, "spec.priority: must be of type integer"),
        ({"enabled": "true"}, "spec.enabled: must be of type boolean"),
        ({"displayName": 7}, "spec.displayName: must be of type string"),
        ({"stream": []}, "spec.stream: must be of type object"),
        ({"enabeld": True}, 'spec.enabeld: unknown field "spec.enabeld"; did you mean enabled?'),
    ],
)
def test_types_are_taken_as_strictly_as_the_server_takes_them(spec, said):
    assert faults(camera(**spec)) == [said]


def test_an_unknown_field_in_a_list_gets_a_hint():
    zone = {"points": [[0, 0], [1, 0], [1, 1]], "point": 1}
    (said,) = faults(camera(analytics={"roi": [zone]}))
    assert said.endswith('unknown field "spec.analytics.roi[0].point"; did you mean points?')


def test_a_list_with_a_wrong_item_is_not_also_too_short():
    zone = {"points": [[0, 0], [1, 0], [1.5, 1]]}
    assert faults(camera(analytics={"roi": [zone]})) == [
        "spec.analytics.roi[0].points[2][0]: should be less than or equal to 1"
    ]


def test_status_and_metadata_of_kubectl_get_are_passed_over():
    manifest = camera() | {"status": {"anything": 1}}
    manifest["metadata"] |= {"managedFields": [], "resourceVersion": "5", "generation": 3}
    assert faults(manifest) == []


def test_no_verdict_repeats_a_password():
    said = faults(camera(source={"protocol": "rtsp", "url": "rtsp://me:hunter2@192.0.2.1/", "extra": "hunter2"}))
    assert said
    assert "hunter2" not in str(said)


def test_updates_are_judged_against_what_was_there():
    old = Camera.model_validate(camera())
    new = Camera.model_validate(camera(siteRef={"name": "south"}))
    assert [str(fault) for fault in judge_update(new, old)] == [
        "spec.siteRef.name: a camera stays at its site; delete it and make another"
    ]
    assert list(judge_update(old, old)) == []


@pytest.mark.parametrize(("key", "taken"), [("a2V5", True), ("b3RoZXI=", False), (None, False)])
def test_a_node_keeps_its_key(key, taken):
    def report(key):
        return EdgeReport(metadata={"name": "n"}, status=ReportStatus(sealing_key=key))

    assert (list(judge_update(report(key), report("a2V5"))) == []) is taken
    assert list(judge_update(report(key), report(None))) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5) | st.integers() | st.floats(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ),
    st.sampled_from(["siteRef", "source", "stream", "analytics", "placement", "priority", "new"]),
)
def test_any_value_gets_a_verdict(value, field):
    verdict = judge(camera(**{field: value}))
    assert (verdict.taken is None) == bool(verdict.faults)
