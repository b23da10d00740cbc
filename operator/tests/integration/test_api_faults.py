"""An API server that dies, falls silent, forgets or is busy: nothing is lost, nothing doubled."""

import pytest

from alpr_kubernetes import kinds
from alpr_testing.control_plane import running_control_plane
from alpr_testing.fault_proxy import FaultProxy
from alpr_testing.objects import Objects, TestSite
from alpr_testing.operated import SYSTEM, Operated, install_operator
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def plane(tmp_path_factory):
    """A control plane of its own, since it is maltreated."""
    with running_control_plane(tmp_path_factory.mktemp("maltreated")) as plane:
        yield plane


@pytest.fixture
def proxied(plane, tmp_path):
    """(site, operator, proxy): the operator reaches the API server through a proxy."""
    install_operator(plane)
    objects = Objects(plane.kubeconfig)
    site = TestSite(objects, "harbour").made(nodeClasses=[{"name": "cpu", "capacityUnits": 60}])
    for number in range(3):
        site.node(f"n{number}")
    with FaultProxy(plane.port) as proxy:
        kubeconfig = plane.kubeconfig_for("alpr-operator", SYSTEM, url=f"https://127.0.0.1:{proxy.port}")
        with Operated(kubeconfig, tmp_path, SYSTEM) as operator:
            yield site, operator.leading(), proxy
    objects.close()


def revived(operator):
    """As its Deployment does: start it again where it has ended."""
    if operator.process.poll() is not None:
        operator.start()
    return operator.metric("leader_election_master_status") == 1


def settled(site, names):
    return site.placed().keys() == set(names) and all(site.told(name, "Assigned")[0] == "True" for name in names)


def test_07_the_api_server_is_killed_amid_a_storm(plane, proxied):
    site, operator, _ = proxied
    names = site.cameras(40, costUnits=1)
    plane.stop_api()
    until(lambda: not operator.answers("/nowhere"), 1, "a moment")
    plane.start_api()
    site.objects.delete(kinds.CAMERAS, site.namespace, names.pop())
    until(lambda: revived(operator), 60, "the operator leads")
    site.until(lambda: settled(site, names), 60, "everything is where it belongs")


@pytest.mark.parametrize("mode", ["refuse", "freeze"])
def test_07_the_operator_is_cut_off_amid_a_storm(proxied, mode):
    site, operator, proxy = proxied
    names = site.cameras(20, costUnits=1)
    proxy.set(mode)
    names += [f"more-{number}" for number in range(10)]
    for name in names[20:]:
        site.camera(name, costUnits=1)
    until(lambda: operator.process.poll() is not None, 30, "it ends, for another may lead by now")
    proxy.set("pass")
    until(lambda: revived(operator), 60, "the operator leads")
    site.until(lambda: settled(site, names), 60, "everything is where it belongs")


def test_09_what_went_while_the_watch_was_gone_and_history_forgotten_is_noticed(plane, proxied):
    site, operator, proxy = proxied
    names = site.cameras(10, costUnits=1)
    site.until(lambda: settled(site, names), 30, "all placed")
    operator.pause()
    proxy.cut()
    site.objects.delete(kinds.CAMERAS, site.namespace, names.pop())
    site.camera("fresh", costUnits=1)
    plane.compact()
    operator.resume()
    until(lambda: revived(operator), 60, "the operator leads")
    site.until(lambda: settled(site, [*names, "fresh"]), 60, "everything is where it belongs")


@pytest.mark.long
@pytest.mark.timeout(400)
def test_08_watches_that_freeze_are_noticed_within_ninety_seconds(plane, tmp_path):
    """What is open carries no byte any more and is not closed; new connections pass: a dead entry in some NAT."""
    install_operator(plane)
    objects = Objects(plane.kubeconfig)
    site = TestSite(objects, "harbour").made(nodeClasses=[{"name": "cpu", "capacityUnits": 60}])
    site.node("n0")
    with FaultProxy(plane.port) as proxy:
        kubeconfig = plane.kubeconfig_for("alpr-operator", SYSTEM, url=f"https://127.0.0.1:{proxy.port}")
        with Operated(kubeconfig, tmp_path, SYSTEM, config={"lease": {"enabled": False}}) as operator:
            operator.leading()
            site.until_placed(site.cameras(1, costUnits=1))
            proxy.stall()
            site.camera("unheard", costUnits=1)
            site.until_placed(["unheard"], within_s=90)
    objects.close()


def test_34_a_server_that_is_busy_is_given_time_and_nothing_is_lost(tmp_path_factory, tmp_path):
    flags = ("--max-requests-inflight=6", "--max-mutating-requests-inflight=2")
    with running_control_plane(tmp_path_factory.mktemp("busy"), api_flags=flags) as plane:
        kubeconfig = install_operator(plane)
        objects = Objects(plane.kubeconfig)
        site = TestSite(objects, "harbour").made(nodeClasses=[{"name": "cpu", "capacityUnits": 60}])
        for number in range(3):
            site.node(f"n{number}")
        names = site.cameras(60, costUnits=1)
        with Operated(kubeconfig, tmp_path, SYSTEM) as operator:
            operator.leading()
            site.until(lambda: settled(site, names), 90, "everything is where it belongs")
        objects.close()
