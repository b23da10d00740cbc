import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.contact import ContactWriter, Fence, Moment, moment_now, since_s

times = st.floats(0, 1e9)
walls = st.floats(-1e9, 1e10)


def at(boot_s, boot="b1", wall_s=None):
    return Moment(boot=boot, boot_s=boot_s, wall_s=1_000_000 + boot_s if wall_s is None else wall_s)


@given(times, times, walls, walls)
def test_no_step_of_the_time_of_day_counts_within_a_boot(earlier, passed, wall, other):
    assert since_s(at(earlier, wall_s=wall), at(earlier + passed, wall_s=other)) == pytest.approx(passed, abs=1e-3)


@given(times, times, walls, walls)
def test_over_a_boot_the_longer_of_both_counts(before, uptime, wall, other):
    assert since_s(at(before, "b1", wall), at(uptime, "b2", other)) >= max(0.0, uptime)


def test_a_boot_with_a_clock_that_fell_back_counts_from_the_boot():
    assert since_s(at(5000, "b1", 2_000_000), at(60, "b2", 0)) == 60


def test_the_pipeline_sees_what_the_agent_wrote(tmp_path):
    now = [at(100)]
    writer = ContactWriter(tmp_path / "contact.json", lambda: now[0])
    fence = Fence(tmp_path / "contact.json", lambda: now[0])
    writer.reached()
    now[0] = at(150)
    assert not fence.closed(60)
    now[0] = at(161)
    assert fence.closed(60)
    writer.reached()
    assert not fence.closed(60)
    assert writer.quiet_s() == 0


@pytest.mark.parametrize("damage", [None, b"", b"{"])
def test_an_unknown_contact_counts_from_the_first_look(tmp_path, damage):
    if damage is not None:
        (tmp_path / "contact.json").write_bytes(damage)
    now = [at(100)]
    fence = Fence(tmp_path / "contact.json", lambda: now[0])
    assert not fence.closed(60)
    now[0] = at(161)
    assert fence.closed(60)


def test_answers_in_quick_succession_are_written_once(tmp_path):
    now = [at(100)]
    writer = ContactWriter(tmp_path / "contact.json", lambda: now[0])
    writer.reached()
    before = (tmp_path / "contact.json").stat().st_ino
    now[0] = at(101)
    writer.reached()
    assert (tmp_path / "contact.json").stat().st_ino == before


def test_the_real_clocks_go_on():
    assert since_s(moment_now(), moment_now()) < 5
