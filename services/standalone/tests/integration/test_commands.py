"""The commands around `alpr up`, called as a person calls them."""

import pytest
from click.testing import CliRunner

from alpr_cli.__main__ import alpr

pytestmark = pytest.mark.integration


@pytest.fixture
def call():
    runner = CliRunner()
    return lambda *words: runner.invoke(alpr, [str(word) for word in words])


def test_an_old_list_is_imported_checked_and_named_fine(tmp_path, call):
    old = tmp_path / "cameras.yaml"
    old.write_text("cameras:\n  - {id: gate, source: 'rtsp://u:pw@10.0.0.1/x'}\n")
    done = call("import", old, "-o", tmp_path / "site")
    assert done.exit_code == 0
    assert "alpr up -f" in done.output
    assert "pw" not in done.output
    checked = call("validate", tmp_path / "site")
    assert checked.output == "1 AlprSite, 1 Camera, 1 Secret: fine\n"


def test_problems_of_manifests_end_the_command_with_all_of_them(tmp_path, call):
    (tmp_path / "a.yaml").write_text("apiVersion: ovr-alpr.io/v1alpha1\nkind: Camera\nmetadata: {name: A}\nspec: {}\n")
    done = call("validate", tmp_path)
    assert done.exit_code == 1
    assert "a.yaml:3: metadata.name" in done.output
    assert "spec.siteRef" in done.output


def test_documents_are_judged_as_an_api_server_does(tmp_path, call):
    camera = "apiVersion: ovr-alpr.io/v1alpha1\nkind: Camera\nmetadata: {name: gate}\nspec:\n  siteRef: {name: %s}\n"
    camera += "  source: {protocol: usb, url: 'usb://0', credentialsSecretRef: {name: elsewhere}}\n"
    (tmp_path / "a.yaml").write_text(camera % "north")
    assert call("validate", "--documents", tmp_path).output == "all documents: fine\n"
    (tmp_path / "b.yaml").write_text((camera % "north") + "  prioritie: 7\n---\n" + (camera % "north"))
    (tmp_path / "c.yaml").write_text((camera % "north") + "---\n" + (camera % "south"))
    done = call("validate", "--documents", tmp_path)
    assert done.exit_code == 1
    assert 'b.yaml:7: spec.prioritie: unknown field "spec.prioritie"; did you mean priority?' in done.output
    assert "c.yaml:12: spec.siteRef.name: a camera stays at its site; delete it and make another" in done.output


def test_help_teaches_both_ways(call):
    said = call("validate", "--help").output
    assert "  alpr validate --documents sites/\n" in said
    assert "\\b" not in said


def test_keys_are_shown_once_listed_by_name_and_withdrawn(tmp_path, call):
    tmp_path.chmod(0o755)
    key = call("keys", "create", "laptop", "--data", tmp_path / "data").output.strip()
    listed = call("keys", "list", "--data", tmp_path / "data").output
    assert "laptop" in listed
    assert key not in listed
    assert call("keys", "revoke", "laptop", "--data", tmp_path / "data").output == "1 withdrawn\n"


def test_cameras_without_a_run_says_what_to_start(tmp_path, call):
    done = call("cameras", "--data", tmp_path)
    assert done.exit_code == 1
    assert "start alpr up" in done.output
