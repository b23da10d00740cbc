"""Cameras on their way to nodes: who gets what, what moves, and what a person reads about it."""

import pytest

from alpr_kubernetes import kinds

pytestmark = pytest.mark.integration


@pytest.fixture
def three_nodes(operator, site):
    site.change(nodeClasses=[{"name": "cpu", "capacityUnits": 20}], assignment={"failover": {"after": "5s"}})
    for number in range(3):
        site.node(f"{site.name}-n{number}")
    return site


def settle(site, operator):
    """Agents apply what they are told until nothing changes any more."""

    def quiet():
        before = site.revisions()
        site.ack()
        operator.idle()
        return site.revisions() == before and not any(
            one["spec"].get("released") for one in site.assignments().values()
        )

    site.until(quiet, 20, "the site has settled")


def test_04_adding_editing_and_deleting_a_camera_changes_one_assignment_each(three_nodes, operator):
    site = three_nodes
    site.until_placed(site.cameras(6, costUnits=1))
    settle(site, operator)

    def changed_by(act, done):
        before = site.assignments()
        act()
        site.until(lambda: done(site.assignments()), 5, "the change")
        operator.idle()
        after = site.assignments()
        return {node for node in after if after[node]["spec"] != before[node]["spec"]}, before, after

    def has(name):
        return lambda told: any(one["name"] == name for a in told.values() for one in a["spec"].get("cameras", ()))

    nodes, before, after = changed_by(lambda: site.camera("added", costUnits=1), has("added"))
    assert len(nodes) == 1
    kept = {one["name"]: one for one in before[min(nodes)]["spec"]["cameras"]}
    assert all(one == kept[one["name"]] for one in after[min(nodes)]["spec"]["cameras"] if one["name"] != "added")

    site_node = site.placed()["cam-001"][0]
    edited = changed_by(
        lambda: site.camera("cam-001", costUnits=1, displayName="Gate 1"),
        lambda told: "Gate 1" in str(told[site_node]["spec"]),
    )[0]
    assert edited == {site_node}

    gone = changed_by(
        lambda: site.objects.delete(kinds.CAMERAS, site.namespace, "cam-001"), lambda told: not has("cam-001")(told)
    )[0]
    assert gone == {site_node}


def test_02_all_conditions_are_true_once_agents_have_reported(three_nodes, operator):
    site = three_nodes
    names = site.cameras(6, costUnits=1)
    site.until_placed(names)
    settle(site, operator)
    site.until(lambda: site.site_told("Ready") == ("True", "Ready"), 10, "the site is ready")
    assert all(site.told(name, "Ready") == ("True", "Streaming") for name in names)
    status = site.site()["status"]
    assert status["cameras"] == {"total": 6, "assigned": 6, "streaming": 6, "unassigned": 0}
    assert status["nodes"] == {"desired": 3, "ready": 3, "offline": 0}
    assert status["units"] == {"total": 60, "used": 6}


def test_05_an_offline_node_keeps_its_cameras_until_failover_is_due(three_nodes, operator):
    site = three_nodes
    site.change(nodeClasses=[{"name": "cpu", "capacityUnits": 20}], assignment={"failover": {"after": "1h"}})
    site.until_placed(site.cameras(6, costUnits=1))
    settle(site, operator)
    before = site.placed()
    lost = f"{site.name}-n1"
    site.node_turns(lost, ready=False, ago_s=60)
    mine = [name for name, (node, _) in before.items() if node == lost]
    site.until(lambda: site.told(mine[0], "Streaming") == ("Unknown", "NodeOffline"), 10, "the camera tells")
    operator.idle()
    assert site.placed() == before
    assert site.told(mine[0], "Assigned")[0] == "True"


def test_05_a_lost_node_s_cameras_move_with_a_higher_epoch(three_nodes, operator):
    site = three_nodes
    site.until_placed(site.cameras(6, costUnits=1))
    settle(site, operator)
    before = site.placed()
    lost = f"{site.name}-n1"
    site.node_turns(lost, ready=False, ago_s=60)
    site.until(
        lambda: lost not in {node for node, _ in site.placed().values()} and len(site.placed()) == 6, 15, "moved"
    )
    for name, (node, epoch) in site.placed().items():
        moved = before[name][0] == lost
        assert epoch == before[name][1] + moved
        assert (node == before[name][0]) != moved
    moved = next(name for name, (node, _) in before.items() if node == lost)
    site.until(lambda: site.told(moved, "Assigned") == ("True", "FailedOver"), 10, "the camera says why")


def test_05_no_more_move_in_a_minute_than_allowed(three_nodes, operator):
    site = three_nodes
    site.change(
        nodeClasses=[{"name": "cpu", "capacityUnits": 40}],
        assignment={"failover": {"after": "5s"}, "maxMovesPerMinute": 2},
    )
    site.until_placed(site.cameras(12, costUnits=1))
    settle(site, operator)
    before = site.placed()
    lost = f"{site.name}-n1"
    site.node_turns(lost, ready=False, ago_s=60)
    site.until(lambda: any(before[name] != place for name, place in site.placed().items()), 15, "the first move")
    operator.idle()
    placed = site.placed()
    moved = [name for name, place in before.items() if placed.get(name) != place]
    assert 1 <= len(moved) <= 2


def test_05_nothing_moves_while_the_whole_site_is_dark(three_nodes, operator):
    site = three_nodes
    site.until_placed(site.cameras(6, costUnits=1))
    settle(site, operator)
    before = site.placed()
    for number in range(3):
        site.node_turns(f"{site.name}-n{number}", ready=False, ago_s=60)
    site.until(lambda: site.told("cam-000", "Streaming")[1] == "NodeOffline", 10, "the cameras tell")
    operator.idle()
    assert site.placed() == before


def test_36_a_node_of_the_same_name_is_another_and_its_old_report_is_not_trusted(three_nodes, operator, objects):
    site = three_nodes
    site.until_placed(site.cameras(6, costUnits=1))
    settle(site, operator)
    before = site.placed()
    node = f"{site.name}-n1"
    mine = [name for name, (where, _) in before.items() if where == node]
    objects.delete(kinds.NODES, None, node)
    site.node(node)
    site.until(lambda: all(site.placed().get(name, before[name]) != before[name] for name in mine), 15, "higher epochs")
    assert all(site.placed()[name][1] > before[name][1] for name in mine if name in site.placed())
    uid = objects.get(kinds.NODES, None, node)["metadata"]["uid"]
    site.until(lambda: site.assignments()[node]["spec"]["nodeUid"] == uid, 10, "the new machine's assignment")
    staying = [name for name in mine if site.placed().get(name, ("", 0))[0] == node]
    if staying:
        assert site.told(staying[0], "Streaming") == ("Unknown", "NoReport")


def test_a_camera_without_a_place_says_why_with_numbers(three_nodes):
    site = three_nodes
    site.camera("huge", costUnits=500)
    site.until(lambda: site.told("huge", "Assigned") == ("False", "InsufficientCapacity"), 10, "it says so")
    message = next(c["message"] for c in site.seen("huge")["status"]["conditions"] if c["type"] == "Assigned")
    assert "500" in message
    assert site.site_told("CapacitySufficient") == ("False", "InsufficientCapacity")


def test_35_two_cameras_with_one_address_are_warned_of_and_both_serve(three_nodes):
    site = three_nodes
    source = {"protocol": "rtsp", "url": "rtsp://192.0.2.7/same"}
    for name in ("left", "right"):
        site.camera(name, costUnits=1, source=source, displayName="Tor 7, Südwest 🚗")
    site.until_placed(["left", "right"])
    site.until(lambda: site.told("left", "UniqueSource") == ("False", "DuplicateUrl"), 10, "the warning")
    site.camera("right", costUnits=1, source={**source, "url": "rtsp://192.0.2.7/other"})
    site.until(lambda: site.told("left", "UniqueSource") == ("", ""), 10, "the warning is gone")


def test_a_camera_whose_site_is_not_there_says_so(operator, site, objects):
    objects.apply(
        {
            "apiVersion": kinds.CAMERAS.api_version,
            "kind": "Camera",
            "metadata": {"name": "lost", "namespace": site.namespace},
            "spec": {
                "siteRef": {"name": "nowhere"},
                "source": {"protocol": "rtsp", "url": "rtsp://192.0.2.1/a"},
            },
        }
    )
    site.until(lambda: site.told("lost", "Assigned") == ("False", "SiteMissing"), 10, "it says so")


def test_a_camera_that_is_switched_off_is_ready_and_served_nowhere(three_nodes, operator):
    site = three_nodes
    site.until_placed(site.cameras(2, costUnits=1))
    site.camera("cam-000", costUnits=1, enabled=False)
    site.until(lambda: "cam-000" not in site.placed(), 10, "it is let go")
    settle(site, operator)
    site.until(lambda: site.told("cam-000", "Ready") == ("True", "Disabled"), 10, "it says so")
