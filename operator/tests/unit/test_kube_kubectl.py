"""What kubectl is asked, and what its errors mean."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from alpr_operator.kube import errors
from alpr_operator.kube.kubectl import ASSIGNMENTS, CAMERAS, NODES, REPORTS, SITES, Kubectl, Target, error_of


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program in kubectl's place that notes its arguments and input, and answers with one object."""
    path = tmp_path / "kubectl"
    path.write_text(
        "#!/bin/sh\n"
        f'for one in "$@"; do printf "%s\\n" "$one"; done > {tmp_path}/asked\n'
        f'case " $* " in *" apply "*) cat > {tmp_path}/given;; esac\n'
        'case " $* " in *" name "*) echo camera.ovr-alpr.io/gate-1; exit;; esac\n'
        'echo \'{"items": [{"kind": "Camera"}]}\'\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def asked(program: Path) -> list[str]:
    return (program.parent / "asked").read_text().splitlines()


def test_context_namespace_and_kubeconfig_go_through(program: Path) -> None:
    target = Target("edge", "/tmp/config", "north")  # noqa: S108 - a name alone
    assert Kubectl(target, str(program)).get(SITES, CAMERAS) == [{"kind": "Camera"}]
    assert asked(program) == [
        "--context=edge", "--kubeconfig=/tmp/config", "get", f"{SITES},{CAMERAS}", "-o", "json", "-n", "north",
    ]  # fmt: skip


def test_all_namespaces_one_name_and_field_managers_where_reports_are_asked_for(program: Path) -> None:
    Kubectl(Target(), str(program)).get(ASSIGNMENTS, REPORTS, target=Target().everywhere(), name="edge-1")
    assert asked(program)[-3:] == ["--all-namespaces", "--show-managed-fields", "--field-selector=metadata.name=edge-1"]
    Kubectl(Target(), str(program)).get(NODES)
    assert asked(program) == ["get", "nodes", "-o", "json"]


def test_patch_merges_under_our_own_name(program: Path) -> None:
    Kubectl(Target(), str(program)).patch(CAMERAS, "gate-1", "north", {"spec": {}}, dry_run=True)
    assert asked(program) == [
        "patch", CAMERAS, "gate-1", "--type=merge", "--field-manager=kubectl-alpr", "-p", '{"spec": {}}', "-n", "north",
        "--dry-run=server",
    ]  # fmt: skip


def test_apply_is_server_side(program: Path) -> None:
    Kubectl(Target(), str(program)).apply([{"kind": "A"}, {"kind": "B"}], dry_run=False)
    assert asked(program) == ["apply", "--server-side", "--field-manager=kubectl-alpr", "-f", "-"]
    given = (program.parent / "given").read_text()
    assert [json.loads(part) for part in given.split("---\n") if part] == [{"kind": "A"}, {"kind": "B"}]


def test_names_are_asked_for_in_a_hurry(program: Path) -> None:
    assert Kubectl(Target(namespace="north"), str(program)).names(CAMERAS) == ["gate-1"]
    assert "--request-timeout=3s" in asked(program)


def test_without_kubectl() -> None:
    with pytest.raises(errors.Unreachable, match="not on the PATH"):
        Kubectl(Target(), "no-such-kubectl").get(SITES)


FORBIDDEN = (
    'Error from server (Forbidden): cameras.ovr-alpr.io is forbidden: User "jo" cannot {verb} resource "cameras" '
    'in API group "ovr-alpr.io" {where}'
)


@pytest.mark.parametrize(
    ("told", "kind", "said"),
    [
        (
            FORBIDDEN.format(verb="list", where='in the namespace "north"'),
            errors.NoAccess,
            (
                "jo may not list cameras.ovr-alpr.io -n north; ask for the role view there "
                "(test: kubectl auth can-i list cameras.ovr-alpr.io -n north)"
            ),
        ),
        (FORBIDDEN.format(verb="patch", where='in the namespace "north"'), errors.NoAccess, "the role edit or admin"),
        (
            FORBIDDEN.format(verb="list", where="at the cluster scope"),
            errors.NoAccess,
            "can-i list cameras.ovr-alpr.io -A",
        ),
        (
            (
                'Error from server (Forbidden): nodes is forbidden: User "jo" cannot list resource "nodes" in API group "" at '
                "the cluster scope"
            ),
            errors.NoAccess,
            "jo may not list nodes in all namespaces",
        ),
        (
            'error: the server doesn\'t have a resource type "alprsites"',
            errors.NotInstalled,
            "helm install alpr-operator",
        ),
        ('resource mapping not found: no matches for kind "AlprSite" in version', errors.NotInstalled, "helm install"),
        ("The connection to the server localhost:8080 was refused", errors.Unreachable, "--context and --kubeconfig"),
        ("Unable to connect to the server: dial tcp: lookup x: no such host", errors.Unreachable, "not reached"),
        ('error: context "nowhere" does not exist', errors.Unreachable, "nowhere"),
        ('Error from server (NotFound): nodes "edge-9" not found', errors.NotThere, 'nodes "edge-9" not found'),
        ("The Camera is invalid: spec.url: no user here", errors.Refused, "spec.url: no user here"),
        ("", errors.Refused, "said nothing"),
    ],
)
def test_errors_say_what_to_do(told: str, kind: type[errors.KubeError], said: str) -> None:
    found = error_of(told)
    assert type(found) is kind
    assert said in str(found)


def test_exit_codes_differ() -> None:
    kinds = errors.KubeError.__subclasses__()
    assert len({kind.exit_code for kind in kinds}) == len(kinds)
    assert 2 not in {kind.exit_code for kind in kinds}  # a wrong command line, as everywhere
