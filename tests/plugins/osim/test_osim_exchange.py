"""OpenSim's tables: read, written, and refused where they are none. No model and no package of OpenSim is needed."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import DataError, DataWarning
from mimic_core.testing import synthetic_rollouts, toy_body, toy_clips
from mimic_osim.exchange import Movements, RolloutTables
from mimic_osim.laws import fit
from mimic_osim.motion import Motion
from mimic_osim.muscles import active_force, passive_force
from mimic_osim.settings import ExportSettings, MovementSettings
from mimic_osim.storage import Storage


def test_a_table_is_read_as_it_was_written(tmp_path):
    t = np.arange(5) / 120
    Storage(t, {"knee": np.sin(t), "hip": t**2}, True).write(tmp_path / "a.mot", "Coordinates")
    back = Storage.read(tmp_path / "a.mot")
    assert back.degrees and list(back.columns) == ["knee", "hip"]
    np.testing.assert_allclose(back.columns["knee"], np.sin(t), atol=1e-12)
    lines = (tmp_path / "a.mot").read_text().splitlines()
    assert lines[:2] == ["Coordinates", "version=1"] and "nRows=5" in lines and "nColumns=3" in lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time\tknee\n0\t1\n", "has no line 'endheader'"),
        ("endheader\nknee\thip\n0\t1\n", "time as their first column"),
        ("endheader\ntime\tknee\n0\t1\n0.1\tx\n", "row 2, knee: no number"),
        ("endheader\ntime\tknee\n0\t1\n0\t2\n", "row 2: time does not grow"),
    ],
)
def test_what_is_no_table_is_one_line(text, said, tmp_path):
    (tmp_path / "bad.sto").write_text(text)
    with pytest.raises(DataError, match=said) as e:
        Storage.read(tmp_path / "bad.sto")
    assert str(e.value).startswith(str(tmp_path / "bad.sto")) and "\n" not in str(e.value)


@pytest.mark.parametrize("degrees", [True, False])
def test_clips_come_back_as_they_went(degrees, tmp_path):
    clips = toy_clips()
    Movements(MovementSettings(degrees=degrees, clip=clips.clip_names[1])).write(clips, tmp_path / "one.mot")
    back = Movements(MovementSettings()).read([tmp_path / "one.mot"], clips.body)
    n = int(clips.n_frames[1])
    assert back.rate_hz == pytest.approx(clips.rate_hz) and back.clip_names == ("one",)
    np.testing.assert_allclose(back.qpos[0, :n], clips.qpos[1, :n], atol=1e-9)
    np.testing.assert_allclose(back.site_pos[0, :n], clips.site_pos[1, :n], atol=1e-8)


def test_what_a_file_lacks_and_has_besides_is_said(tmp_path):
    body = toy_body()
    names = list(Motion.of(body.skeleton().compile()).joints)
    t = np.arange(20) / 100
    Storage(t, {names[0]: 0.1 * t, "tail_curl": t}, False).write(tmp_path / "a.sto", "x")
    with pytest.warns(DataWarning, match="columns that are no coordinate of body .*: tail_curl"):
        clips = Movements(MovementSettings()).read([tmp_path / "a.sto"], body)
    assert len(names) == 1 or any(f"has no {names[1]}" in r for r in clips.remarks)
    Storage(t, {"tail_curl": t}, False).write(tmp_path / "b.sto", "x")
    with pytest.raises(DataError, match=r"b.sto: has no coordinate of body"):
        Movements(MovementSettings()).read([tmp_path / "b.sto"], body)


def test_angles_without_a_unit_are_refused(tmp_path):
    name = next(iter(Motion.of(toy_body().skeleton().compile()).joints))
    (tmp_path / "a.sto").write_text(f"endheader\ntime\t{name}\n" + "".join(f"{i / 10}\t{i}\n" for i in range(6)))
    with pytest.raises(DataError, match=r"does not say inDegrees=yes or no; give --set degrees=true or false"):
        Movements(MovementSettings()).read([tmp_path / "a.sto"], toy_body())


def test_rollouts_as_openSim_names_them(tmp_path):
    rollouts = synthetic_rollouts()
    i = rollouts.split.index("held_out") if "held_out" in rollouts.split else 0
    n = int(rollouts.n_steps[i])
    for content in ("states", "controls", "coordinates", "forces"):
        RolloutTables(ExportSettings(content=content)).write(rollouts, tmp_path / f"{content}.sto")
    states, controls = (Storage.read(tmp_path / f"{c}.sto") for c in ("states", "controls"))
    muscle, joint = rollouts.muscle_names[0], rollouts.joint_names[0]
    np.testing.assert_allclose(
        states.columns[f"/forceset/{muscle}/activation"], rollouts.of("activation", muscle)[i, :n], atol=1e-9
    )
    np.testing.assert_allclose(
        states.columns[f"/jointset/{joint}/{joint}/value"], rollouts.of("joint_pos", joint)[i, :n], atol=1e-9
    )
    # what acts during the step that begins at an instant is written at that instant
    actuator = rollouts.actuator_names[0]
    np.testing.assert_allclose(
        controls.columns[f"/forceset/{actuator}"][:-1], rollouts.of("excitation", actuator)[i, 1:n], atol=1e-9
    )
    with pytest.raises(DataError, match="there is no clip 'nobody'"):
        RolloutTables(ExportSettings(clip="nobody")).write(rollouts, tmp_path / "x.sto")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-2, 2), min_size=5, max_size=5), st.floats(-3, 0), st.floats(0.1, 3))
def test_a_polynomial_of_4th_order_is_fitted_exactly(coef, low, width):
    law = np.polynomial.Polynomial(coef)
    found = fit(law, low, low + width)
    x = np.linspace(low, low + width, 50)
    np.testing.assert_allclose(found(x), law(x), atol=1e-7 * (1 + np.abs(law(x)).max()))


def test_force_curves_are_mujocos():
    """The curves that muscles are fitted by, beside MuJoCo's own."""
    lmin, lmax, fpmax = 0.45, 1.7, 1.3
    x = np.linspace(0.3, 1.9, 33)
    prm = np.array([0.0, 1.0, 1.0, 200.0, lmin, lmax, 10.0, fpmax, 1.4])  # range, force, scale, lmin, lmax, vmax, …
    lengthrange = np.array([0.0, 1.0])
    gain = [mujoco.mju_muscleGain(v, 0.0, lengthrange, 1.0, prm) for v in x]
    bias = [mujoco.mju_muscleBias(v, lengthrange, 1.0, prm) for v in x]
    np.testing.assert_allclose(active_force(x, lmin, lmax), -np.array(gain), atol=1e-9)
    np.testing.assert_allclose(passive_force(x, lmax, fpmax), -np.array(bias), atol=1e-9)
