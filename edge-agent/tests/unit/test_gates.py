from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.agent.disk import DiskGauge
from alpr_edge_agent.agent.gate_keeper import GateKeeper
from alpr_edge_agent.agent.gates import LEAST_PASSES, STEP, GateMeter, coarse
from alpr_edge_agent.pipeline.status import CameraHealth, PipelineStatus
from alpr_schemas.resources import AssignedModel, AssignedModels, CameraState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
shares = st.floats(0, 1)


def camera(name="a", state=CameraState.STREAMING, **counts):
    return CameraHealth(name=name, state=state, since=NOW, **counts)


def status(*cameras, pid=1, model="1"):
    models = AssignedModels(detector=AssignedModel(name="m", digest="sha256:" + model * 64))
    return PipelineStatus(pid=pid, updated_at=NOW, cameras=cameras, models=models)


@given(shares, st.one_of(st.none(), shares))
def test_steps_are_coarse_and_near(value, before):
    stepped = coarse(value, coarse(before, None))
    assert stepped == pytest.approx(round(stepped / STEP) * STEP)
    assert abs(stepped - value) <= 0.75 * STEP + 1e-9
    assert 0 <= stepped <= 1


@given(shares, st.lists(st.floats(-0.25 * STEP, 0.25 * STEP), max_size=20))
def test_a_value_that_trembles_does_not_flap(value, tremors):
    step = coarse(value, None)
    for tremor in tremors:
        assert coarse(min(1.0, max(0.0, value + tremor)), step) == step


def test_frames_are_counted_against_what_was_asked_for():
    meter = GateMeter(max_fps=10.0)
    meter.look(status(camera(decoded=0)), None, 0.0)
    assert meter.look(status(camera(decoded=250, dropped=150)), None, 10.0).fps_ratio == 1.0
    meter = GateMeter(max_fps=10.0)
    meter.look(status(camera(decoded=0)), None, 0.0)
    assert meter.look(status(camera(decoded=250, dropped=200)), None, 10.0).fps_ratio == 0.5


def test_a_pipeline_that_began_anew_counts_anew():
    meter = GateMeter(max_fps=0.0)
    meter.look(status(camera(decoded=1000, dropped=1000)), None, 0.0)
    assert meter.look(status(camera(decoded=10), pid=2), None, 10.0).fps_ratio is None
    assert meter.look(status(camera(decoded=110), pid=2), None, 20.0).fps_ratio == 1.0


def test_cameras_that_do_not_stream_are_errors():
    meter = GateMeter(max_fps=10.0)
    states = (CameraState.STREAMING, CameraState.FAILED, CameraState.AUTH_FAILED, CameraState.ENDED)
    cameras = [camera(str(n), state) for n, state in enumerate(states)]
    assert meter.look(status(*cameras, camera("off", CameraState.DISABLED)), None, 0.0).error_ratio == 0.5
    assert meter.look(status(), None, 1.0).error_ratio is None
    assert meter.look(None, None, 2.0).error_ratio is None


def test_readings_are_compared_with_the_models_before(tmp_path):
    keeper = GateKeeper(tmp_path / "record.json", 10.0)
    many = LEAST_PASSES * 2
    keeper.look(status(camera()), None, 0.0)
    assert keeper.look(status(camera(passes=many, passes_read=many)), 0.96, 1.0).read_ratio is None
    keeper.look(status(camera(passes=many, passes_read=many), model="2"), 0.96, 2.0)
    seen = camera(passes=2 * many, passes_read=many + many // 2)
    gates = keeper.look(status(seen, model="2"), 0.96, 400.0)
    assert (gates.read_ratio, gates.self_test) == (0.5, 0.95)
    again = GateKeeper(tmp_path / "record.json", 10.0)
    assert again.look(status(camera(), pid=7, model="2"), None, 0.0).read_ratio == 0.5


def test_few_passes_say_nothing(tmp_path):
    keeper = GateKeeper(tmp_path / "record.json", 10.0)
    keeper.look(status(camera()), None, 0.0)
    keeper.look(status(camera(passes=LEAST_PASSES - 1, passes_read=1), model="1"), None, 1.0)
    assert keeper.look(status(camera(passes=100, passes_read=1), model="2"), None, 2.0).read_ratio is None


def test_disk_pressure_does_not_flap(tmp_path):
    free = [50]
    gauge = DiskGauge(tmp_path, lambda _: (10**12, 0, free[0] * 10**10))
    seen = []
    for share in (50, 6, 4, 6, 7, 9, 6):
        free[0] = share
        seen.append(gauge.condition.status)
    assert seen == ["False", "False", "True", "True", "True", "False", "False"]


def test_a_disk_that_is_gone_is_pressure(tmp_path):
    assert DiskGauge(tmp_path / "gone").condition.reason == "DiskUnreadable"
