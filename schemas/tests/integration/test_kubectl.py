"""What a person sees who works with kubectl: columns, words, refusals; on a fresh API server."""

import subprocess

import pytest

from alpr_testing.control_plane import running_control_plane

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory):
    """Runs kubectl against an API server that has never seen our kinds."""
    with running_control_plane(tmp_path_factory.mktemp("fresh"), crds=False) as plane:

        def run(*arguments, stdin=None):
            command = [str(plane.programs / "kubectl"), "--kubeconfig", str(plane.kubeconfig), *arguments]
            return subprocess.run(command, capture_output=True, text=True, input=stdin, check=False)

        yield run


@pytest.fixture(scope="module")
def examples(kubectl):
    """The examples, as their README says to apply them."""
    for folder in ("crds/", "crds/examples/good/"):
        done = kubectl("apply", "-f", folder)
        assert done.returncode == 0, done.stderr
    again = kubectl("apply", "-f", "crds/", "-f", "crds/examples/good/")
    assert again.returncode == 0, again.stderr
    lines = again.stdout.splitlines()
    assert lines
    assert [line for line in lines if not line.endswith("unchanged")] == [], "applying twice changes something"


def test_15_the_lists_have_columns_that_people_read(kubectl, examples):
    cameras, sites = kubectl("get", "cameras,alprsites").stdout.strip().split("\n\n")
    assert cameras.splitlines()[0].split() == ["NAME", "SITE", "NODE", "READY", "STREAMING", "REASON", "AGE"]
    assert sites.splitlines()[0].split() == ["NAME", "READY", "CAMERAS", "STREAMING", "NODES", "ROLLOUT", "AGE"]
    assert "camera.ovr-alpr.io/gate-north   harbour" in cameras


def test_15_columns_show_what_is_so(kubectl, examples):
    told = (
        '{"status": {"nodeName": "jetson-7", "conditions": ['
        '{"type": "Ready", "status": "True", "reason": "Streaming"}, '
        '{"type": "Streaming", "status": "True", "reason": "Streaming"}]}}'
    )
    kubectl("patch", "cam", "gate-north", "--subresource=status", "--type=merge", "-p", told)
    row = kubectl("get", "cam", "gate-north", "--no-headers").stdout.split()
    assert row[:6] == ["gate-north", "harbour", "jetson-7", "True", "True", "Streaming"]
    counts = (
        '{"status": {"cameras": {"total": 6, "streaming": 5}, "nodes": {"ready": 2}, "rollout": {"phase": "Idle"}}}'
    )
    kubectl("patch", "asite", "harbour", "--subresource=status", "--type=merge", "-p", counts)
    assert kubectl("get", "asite", "harbour", "--no-headers").stdout.split()[:5] == ["harbour", "6", "5", "2", "Idle"]


@pytest.mark.parametrize("name", ["asite", "cam", "eassign", "ereport", "alpr"])
def test_15_short_names_and_the_category_are_known(kubectl, examples, name):
    assert kubectl("get", name).returncode == 0


def test_15_explain_has_words_for_fields(kubectl, examples):
    said = " ".join(kubectl("explain", "camera.spec.source").stdout.split())
    assert "url <string> -required- rtsp://host/path, http://host/onvif/device_service" in said
    assert "enum: tcp, udp" in said
    assert "What people call it." in kubectl("explain", "alprsite.spec").stdout


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ("camera-password-in-url", "spec.source.url: Invalid value: "),
        ("camera-misspelt", 'strict decoding error: unknown field "spec.prioritie"'),
        ("site-step-both", "spec.rollout.steps[0]: Invalid value: "),
    ],
)
def test_15_a_bad_sample_is_refused_in_one_sentence(kubectl, examples, sample, said):
    done = kubectl("apply", "-f", f"crds/examples/bad/{sample}.yaml")
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_15_defaults_are_in_what_is_stored_and_no_more(kubectl, examples):
    spec = kubectl(
        "get", "cam", "kiosk-usb", "-o", "jsonpath={.spec.priority} {.spec.enabled} {.spec.source.transport}"
    )
    assert spec.stdout == "100 true tcp"
    assert kubectl("get", "cam", "kiosk-usb", "-o", "jsonpath={.status}").stdout == ""
