"""Restarts and replicas: nothing is written that need not be, and never by two."""

import time

import pytest

from alpr_testing.objects import Objects
from alpr_testing.operated import SYSTEM, Operated
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
ACCOUNT = f"system:serviceaccount:{SYSTEM}:alpr-operator"
SECOND = "alpr-operator-second"
WRITES = ("create", "update", "patch", "delete")


def writes(plane, user=ACCOUNT):
    return [one for one in plane.audit(user=user) if one.verb in WRITES and one.resource != "leases"]


def test_01_a_warm_restart_writes_nothing_but_the_lease(operator, site, control_plane):
    site.change(nodeClasses=[{"name": "cpu", "capacityUnits": 40}])
    for number in range(5):
        site.node(f"{site.name}-n{number}")
    site.until_placed(site.cameras(100, costUnits=1), within_s=60)
    site.until(lambda: all(site.told(name, "Assigned")[0] == "True" for name in ("cam-000", "cam-099")), 30, "statuses")
    site.ack()
    operator.idle()
    site.until(lambda: site.site_told("Ready") == ("True", "Ready"), 20, "the site is ready")
    operator.idle()
    assert operator.stop() == 0
    before = len(writes(control_plane))
    operator.start()
    operator.leading().idle()
    until(lambda: operator.metric("controller_runtime_reconcile_total") >= 1, 20, "the first passes")
    operator.idle()
    assert writes(control_plane)[before:] == []
    assert operator.writes() == 0


@pytest.fixture
def second(control_plane, as_operator, objects, tmp_path, site):
    """Another replica, with a ServiceAccount of its own and the same rights."""
    account = f"--serviceaccount={SYSTEM}:{SECOND}"
    if SECOND not in control_plane.kubectl("get", "serviceaccounts", "-n", SYSTEM):
        control_plane.kubectl("create", "serviceaccount", SECOND, "-n", SYSTEM)
        control_plane.kubectl("create", "clusterrolebinding", SECOND, "--clusterrole=alpr-operator", account)
        control_plane.kubectl("create", "rolebinding", SECOND, "-n", SYSTEM, "--role=alpr-operator", account)
    control_plane.kubectl(
        "create", "rolebinding", SECOND, "-n", site.namespace, "--clusterrole=alpr-operator-site", account
    )
    kubeconfig = control_plane.kubeconfig_for(SECOND, SYSTEM)
    with Operated(kubeconfig, tmp_path / "second", SYSTEM, "second") as replica:
        yield replica


def claims(plane):
    """What the second replica wrote into the Lease so far."""
    told = plane.audit(user=f"system:serviceaccount:{SYSTEM}:{SECOND}")
    return [one for one in told if one.resource == "leases" and one.verb in WRITES and one.code < 300]


def leads(replica):
    return replica.metric("leader_election_master_status") == 1


def test_10_one_of_two_leads_and_the_other_takes_over_when_it_is_killed(operator, second, site):
    until(lambda: second.answers("/readyz"), 20, "the second replica waits")
    assert leads(operator)
    assert not leads(second)
    killed = time.monotonic()
    operator.kill()
    second.leading(20)
    assert time.monotonic() - killed <= 20
    site.node(f"{site.name}-n1")
    site.change(nodeClasses=[{"name": "cpu", "capacityUnits": 20}])
    site.until_placed(site.cameras(3, costUnits=1))


def test_10_a_leader_that_ends_hands_over_at_once(operator, second):
    until(lambda: second.answers("/readyz"), 20, "the second replica waits")
    assert operator.stop() == 0
    second.leading(4)  # less than the Lease's duration


def test_10_a_replica_that_was_stopped_writes_nothing_after_another_took_the_lease(
    operator, second, site, control_plane
):
    site.change(nodeClasses=[{"name": "cpu", "capacityUnits": 60}])
    site.node(f"{site.name}-n1")
    until(lambda: second.answers("/readyz"), 20, "the second replica waits")
    site.cameras(30, costUnits=1)
    claimed = len(claims(control_plane))
    operator.pause()  # amid its work
    second.leading(20)
    taken = claims(control_plane)[claimed].at
    for number in range(5):
        site.camera(f"cam-00{number}", costUnits=1, displayName="while the other slept")
    operator.resume()
    assert operator.process.wait(20) == 1  # it finds its hold over, and ends
    site.until_placed([f"cam-{number:03}" for number in range(30)])
    assert [one for one in writes(control_plane) if one.at > taken] == []


def test_objects_client_is_closed(control_plane):
    """The harness leaves no connection open, or warnings would fail other tests."""
    client = Objects(control_plane.kubeconfig)
    assert client.text("/readyz") == "ok"
    client.close()
