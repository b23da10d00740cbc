import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_schemas.import_cameras import (
    import_cameras,
    resource_name,
    secrets_to_yaml,
    source_of,
    split_credentials,
    to_yaml,
)
from alpr_schemas.manifests import ManifestError, read_manifests

OLD = """\
cameras:
  - id: CAM_01
    name: Gate north
    source: rtsp://admin:p%40ss@10.0.0.5:554/live
    fps: 15
    resolution: [1920, 1080]
  - {id: cam2, source: 0, fps: 30, resolution: 1280x720}
  - {id: cam3, rtsp_url: "rtsps://10.0.0.7/s", enabled: false, settings: {fps: 10, resolution: {width: 640, height: 480}, codec: H.265}}
  - {id: cam4, source: clips/drive by.mp4}
"""


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "cameras.yaml"
    path.write_text(OLD)
    return path


def test_the_old_list_becomes_documents_that_read_back(old, tmp_path):
    imported = import_cameras(old, "north")
    out = tmp_path / "out"
    out.mkdir()
    (out / "cameras.yaml").write_text(to_yaml([imported.site, *imported.cameras]))
    secret = out / "secrets.yaml"
    secret.touch(0o600)
    secret.write_text(secrets_to_yaml(imported.secrets))
    back = read_manifests([out])
    assert [c.spec for c in back.cameras] == [c.spec for c in imported.cameras]
    assert back.secrets["cam-01-credentials"].password == "p@ss"
    assert "p@ss" not in (out / "cameras.yaml").read_text()
    assert "p%40ss" not in (out / "cameras.yaml").read_text()


def test_every_field_of_the_old_list_is_kept(old):
    first, usb, third, clip = import_cameras(old, "north").cameras
    assert (first.metadata.name, first.spec.display_name) == ("cam-01", "Gate north")
    assert first.spec.source.url == "rtsp://10.0.0.5:554/live"
    assert (first.spec.stream.width, first.spec.stream.fps) == (1920, 15)
    assert (usb.spec.source.url, usb.spec.stream.height) == ("usb:///dev/video0", 720)
    assert (third.spec.enabled, third.spec.stream.codec, third.spec.stream.width) == (False, "h265", 640)
    assert clip.spec.source.url.endswith("/clips/drive by.mp4")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cameras: 5", "expected a list"),
        ("cameras: [{id: a}]", "source: missing"),
        ("cameras: [{source: 0}]", "id: missing"),
        ("cameras: [{id: a, source: 'ftp://x/y'}]", "ftp:// is no source"),
        ("cameras:\n  - {id: a, source: 0}\n  - {id: A, source: 1}", ":3: id: a stands twice"),
        ("cameras: [{id: a, source: 0, resolution: big}]", "write [1920, 1080]"),
        ("cameras: [{id: a, source: 0, fps: -3}]", "fps"),
        ("{", "cannot be read"),
    ],
)
def test_what_cannot_be_taken_is_said_with_its_line(tmp_path, text, said):
    path = tmp_path / "cameras.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError) as caught:
        import_cameras(path, "s")
    assert said in str(caught.value)


safe = st.text(st.sampled_from("abz09._~-"), min_size=1, max_size=8)
wild = st.text(st.sampled_from("ab0:@?#!"), max_size=8) | st.sampled_from(["a/b", "/", "pä/@"])


@given(safe, wild)
def test_no_part_of_a_password_stays_in_the_address(user, password):
    bare, credentials = split_credentials(f"rtsp://{user}:{password}@10.0.0.5:554/live")
    assert bare == "rtsp://10.0.0.5:554/live"
    assert (credentials.username, credentials.password) == (user, password)


@given(st.text(max_size=30))
def test_an_address_is_taken_or_refused_by_name(text):
    try:
        source, _ = source_of(text)
    except ValueError as e:
        assert str(e)
    else:
        assert "@" not in source.url.split("://")[1].split("/")[0]


@given(st.text(max_size=80))
def test_names_fit_kubernetes(text):
    name = resource_name(text)
    assert name == resource_name(name)
    assert len(name) <= 63
