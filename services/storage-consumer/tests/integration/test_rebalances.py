"""Members that come and go while events come: each partition changes hands, and nothing is lost or doubled (row 13)."""

import signal

import pytest

from alpr_testing.waiting import until
from alpr_testing.zygote import Zygote

pytestmark = pytest.mark.integration
_MEMBERS = 3


def storm(path, rounds):
    """A member more each round, by kill or SIGTERM one less; none of them leaves the group before its session ends."""
    path.witness()
    with Zygote(["alpr_storage_consumer.__main__", "alpr_storage_consumer.service"], path.folder) as zygote:
        members = []
        for n in range(rounds):
            name = f"m{n}"
            zygote.start(name, "alpr_storage_consumer.__main__:main", (), path.environment(name, BATCH_RECORDS="20"))
            members.append(name)
            path.send(300)
            until(lambda name=name: '"claimed"' in path.log(name), 60, f"{name} has its share")
            if len(members) == _MEMBERS:
                gone = members.pop(0)
                zygote.signal(gone, signal.SIGKILL if n % 2 else signal.SIGTERM)
        path.wait(120)
        path.assert_whole()
        owners = path.assert_no_stale_write()
    assert path.proof() == (300 * rounds, 0, 0)
    assert not path.letters()
    assert owners


def test_row_13_members_that_come_and_go_lose_and_double_nothing(path):
    storm(path, 4)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_row_13_a_storm_of_fifty_rebalances_loses_and_doubles_nothing(path):
    storm(path, 50)
