import json
import stat

import pytest

from alpr_schemas.manifests import read_manifests
from alpr_standalone.desired import assignment_of, credentials_of, missing_files
from alpr_standalone.errors import Unusable
from alpr_standalone.importing import write_imported
from alpr_standalone.sources import manifests_for_address, manifests_for_demo


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"")
    return path


def test_the_same_manifests_keep_their_revision_and_others_raise_it(tmp_path, clip):
    manifests = read_manifests([manifests_for_demo(tmp_path, clip)])
    first = assignment_of(manifests, "node", None)
    assert first.spec.revision == 1
    assert assignment_of(manifests, "node", first) == first
    other = read_manifests([manifests_for_address(tmp_path, "rtsp://10.0.0.1/live")])
    assert assignment_of(other, "node", first).spec.revision == 2


def test_a_password_goes_into_a_file_for_the_owner_alone(tmp_path):
    folder = manifests_for_address(tmp_path, "rtsp://me:s3cret@10.0.0.1/live")
    assert "s3cret" not in (folder / "cameras.yaml").read_text()
    assert stat.S_IMODE((folder / "secret.yaml").stat().st_mode) == 0o600
    manifests = read_manifests([folder])
    assert json.loads(credentials_of(manifests)) == {"camera": {"username": "me", "password": "s3cret"}}
    assert "s3cret" not in assignment_of(manifests, "n", None).model_dump_json()


def test_an_address_without_password_leaves_no_old_secret(tmp_path):
    manifests_for_address(tmp_path, "rtsp://me:s3cret@10.0.0.1/live")
    folder = manifests_for_address(tmp_path, "rtsp://10.0.0.1/live")
    assert [p.name for p in folder.iterdir()] == ["cameras.yaml"]


def test_clips_play_at_their_own_speed_and_photos_do_not(tmp_path, clip):
    (camera,) = read_manifests([manifests_for_address(tmp_path / "m", str(clip))]).cameras
    assert camera.spec.source.realtime
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"")
    (camera,) = read_manifests([manifests_for_address(tmp_path / "m", str(photo))]).cameras
    assert not camera.spec.source.realtime


@pytest.mark.parametrize(
    ("address", "said"), [("ftp://x/y", "ftp:// is no source"), ("/nowhere/a.mp4", "no such file")]
)
def test_an_address_that_is_none_says_what_would_be(tmp_path, address, said):
    with pytest.raises(Unusable, match=said):
        manifests_for_address(tmp_path, address)


def test_a_clip_that_is_gone_is_named_by_its_camera(tmp_path, clip):
    folder = manifests_for_demo(tmp_path, clip)
    assert missing_files(read_manifests([folder])) == []
    clip.unlink()
    assert "Camera demo-gate" in missing_files(read_manifests([folder]))[0]


def test_two_sites_on_one_machine_are_refused(tmp_path, clip):
    one, two = manifests_for_demo(tmp_path, clip), tmp_path / "two.yaml"
    two.write_text((one / "cameras.yaml").read_text().split("---")[0].replace("local", "other"))
    with pytest.raises(Unusable, match="local, other"):
        assignment_of(read_manifests([one, two]), "n", None)


def test_an_imported_list_is_a_folder_that_up_can_take(tmp_path):
    old = tmp_path / "cameras.yaml"
    old.write_text("cameras: [{id: CAM-1, source: 'rtsp://u:pw@10.0.0.1/x'}]")
    lines = list(write_imported(old, tmp_path / "site", "north"))
    assert "pw" not in "".join(lines)
    assert assignment_of(read_manifests([tmp_path / "site"]), "n", None).spec.site == "north"
