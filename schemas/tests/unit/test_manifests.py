import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alpr_schemas.manifests import ManifestError, read_manifests
from alpr_schemas.resources import KINDS, AssignedCamera, AssignmentSpec, CameraConfig, EdgeAssignment, Metadata, Source

SITE = """\
apiVersion: ovr-alpr.io/v1alpha1
kind: AlprSite
metadata: {name: north}
spec: {siteId: north}
"""
CAMERA = """\
apiVersion: ovr-alpr.io/v1alpha1
kind: Camera
metadata:
  name: gate
spec:
  siteRef: {name: north}
  source:
    protocol: rtsp
    url: rtsp://10.0.0.5/live
    credentialsSecretRef: {name: gate-login}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: gate-login}
stringData: {username: u, password: s3cret}
"""


def write(folder, **files):
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.write_text(text)
        path.chmod(0o600 if "Secret" in text else 0o644)
    return folder


def problems(folder):
    with pytest.raises(ManifestError) as caught:
        read_manifests([folder])
    return [str(p).removeprefix(str(folder) + "/") for p in caught.value.problems]


def test_a_folder_of_documents_is_read_whole(tmp_path):
    found = read_manifests([write(tmp_path, all=SITE + "---\n" + CAMERA, secret=SECRET)])
    assert [s.metadata.name for s in found.sites] == ["north"]
    assert [c.metadata.name for c in found.cameras] == ["gate"]
    assert found.secrets["gate-login"].password == "s3cret"
    assert "s3cret" not in repr(found)


def test_base64_secrets_and_kubectls_own_fields_are_fine(tmp_path):
    secret = SECRET.replace("stringData: {username: u, password: s3cret}", "data: {username: dQ==, password: cA==}")
    site = SITE.replace("{name: north}", "{name: north, resourceVersion: '5', managedFields: []}")
    found = read_manifests([write(tmp_path, a=site, b=CAMERA, c=secret)])
    assert found.secrets["gate-login"].username == "u"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("protocol: rtsp", "protocol: rtps"), 'b.yaml:8: spec.source.protocol: supported values: "rtsp", "onvif", "usb", "file"'),
        (("    url:", "    urll:"), 'b.yaml:9: spec.source.urll: unknown field "spec.source.urll"; did you mean url?'),
        (("rtsp://10", "rtsp://me:pw@10"), "b.yaml:9: spec.source.url: no user or password here; a Secret named in credentialsSecretRef holds them"),
        (("rtsp://10", "http://10"), "b.yaml:9: spec.source.url: protocol rtsp needs an address that begins with rtsp:// or rtsps://"),
        (("name: gate\n", "name: Gate_1\n"), "b.yaml:4: metadata.name: use 1 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at both ends"),
        (("siteRef: {name: north}", "siteRef: {name: south}"), "b.yaml:6: spec.siteRef.name: no AlprSite south in these files (there: north)"),
        (("gate-login", "other"), "b.yaml:10: spec.source.credentialsSecretRef.name: no Secret other in these files"),
        (("kind: Camera", "kind: Camra"), "b.yaml:2: kind: Camra: expected apiVersion ovr-alpr.io/v1alpha1 with kind AlprSite or kind Camera, or a Secret"),
    ],
)  # fmt: skip
def test_an_error_names_file_line_field_and_fix(tmp_path, change, said):
    write(tmp_path, a=SITE, b=CAMERA.replace(*change), c=SECRET)
    assert said in problems(tmp_path)


def test_all_problems_are_told_at_once(tmp_path):
    write(
        tmp_path,
        a=SITE,
        b=CAMERA.replace("rtsp\n", "rtps\n"),
        c=SECRET,
        d=CAMERA.replace("  name: gate", "  name: GATE"),
    )
    assert len(problems(tmp_path)) == 2


def test_the_same_camera_twice_is_refused_with_both_places(tmp_path):
    write(tmp_path, a=SITE, b=CAMERA, c=SECRET, d=CAMERA)
    (problem,) = problems(tmp_path)
    assert problem.startswith("d.yaml:4: metadata.name: Camera gate stands already in")


def test_a_secret_that_others_can_read_is_refused_without_showing_it(tmp_path):
    write(tmp_path, a=SITE, b=CAMERA, c=SECRET)
    (tmp_path / "c.yaml").chmod(0o644)
    said = "\n".join(problems(tmp_path))
    assert "chmod 600" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("text", ["{", "a: b: c", "- 1\n- 2\n", "\x00"])
def test_what_is_no_manifest_is_said_with_its_line(tmp_path, text):
    write(tmp_path, a=text)
    assert problems(tmp_path)[0].startswith("a.yaml:")


def test_missing_and_empty_places_are_said(tmp_path):
    assert "no *.yaml" in problems(tmp_path)[0]
    with pytest.raises(ManifestError, match="no such file"):
        read_manifests([tmp_path / "nowhere"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5) | st.integers(),
        lambda c: (
            st.lists(c, max_size=3)
            | st.dictionaries(
                st.sampled_from(["kind", "apiVersion", "metadata", "spec", "source", "name"]), c, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_any_yaml_is_taken_or_refused_and_never_crashes(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("m")
    write(folder, a=yaml.safe_dump(data))
    try:
        read_manifests([folder])
    except ManifestError as e:
        assert e.problems


def camera(name):
    return AssignedCamera(name=name, config=CameraConfig(source=Source(protocol="usb", url="usb:///dev/video0")))


def test_an_assignment_survives_json_and_refuses_a_name_twice():
    spec = AssignmentSpec(node_name="n", site="s", cameras=(camera("a"), camera("b")))
    assignment = EdgeAssignment(metadata=Metadata(name="n"), spec=spec)
    assert EdgeAssignment.model_validate(assignment.wire()) == assignment
    assert assignment.wire()["spec"]["schema"] == 1
    with pytest.raises(ValueError, match="a camera stands twice"):
        AssignmentSpec(node_name="n", site="s", cameras=(camera("a"), camera("a")))


def test_an_older_program_survives_newer_fields():
    data = {
        "apiVersion": "ovr-alpr.io/v1alpha1",
        "kind": "AlprSite",
        "metadata": {"name": "x"},
        "spec": {"siteId": "x", "newer": 1},
    }
    assert KINDS["AlprSite"].model_validate(data).metadata.name == "x"
