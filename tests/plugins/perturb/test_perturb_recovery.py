"""The analysis of recovery, and perturbations in a run file."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest
from analysis_cases import analyse, training_of
from hypothesis import given
from hypothesis import strategies as st
from run_cases import RUN, TOY

from mimic_core import DataError
from mimic_core.chain import discover
from mimic_core.config import structure
from mimic_core.errors import ConfigError, MimicError
from mimic_core.records import AppliedPerturbation, Rollouts
from mimic_core.testing import synthetic_rollouts
from mimic_perturb.figures import aligned
from mimic_perturb.response import check_comparable, labels, recovered_ms, respond
from mimic_perturb.settings import Recovery
from mimic_run import pipeline
from mimic_run.plan import plan_stages
from mimic_runs import load_run_file

RATE = 400.0
ONSET, END = 20, 28  # entries: 50 and 70 ms


def push(label="push", onset_ms=50.0, end_ms=70.0, clips=3, **settings):
    """A perturbation of that name, from ``onset_ms``, one number or one for each clip."""
    onset = onset_ms if isinstance(onset_ms, tuple) else (onset_ms,) * clips
    return AppliedPerturbation(name="push", label=label, settings=settings, onset_ms=onset, end_ms=(end_ms,) * clips)


@pytest.fixture(scope="module")
def plain():
    return synthetic_rollouts((100, 100, 90), rate_hz=RATE, noise=0.0)


def disturbed(plain, course_mm, muscle=None, **about):
    """The same rollouts with every keypoint moved along z by a course (step,) mm; flexor 1 excited from an entry on."""
    course = np.zeros(plain.qpos.shape[1])
    course[: len(course_mm)] = course_mm
    site_pos = plain.site_pos.copy()
    site_pos[..., 2] += 1e-3 * course[None, :, None]
    excitation = plain.excitation.copy()
    if muscle is not None:
        excitation[:, muscle:, 0] += 0.2
    return attrs.evolve(
        plain,
        site_pos=site_pos,
        excitation=excitation,
        error_mm=plain.error_mm + course[None, :, None],
        perturbation=push(**about),
    )


@pytest.fixture(scope="module")
def ramp(plain):
    """From 0 at the onset up to 2 mm in 10 steps, down to 0 in 20 more, then a rest of 0.05 mm."""
    course = np.zeros(100)
    course[ONSET : ONSET + 11] = np.linspace(0, 2, 11)
    course[ONSET + 10 : ONSET + 31] = np.linspace(2, 0, 21)
    course[ONSET + 31 :] = 0.05
    return disturbed(plain, course, muscle=ONSET + 4)


def test_perturbations_that_differ_in_one_number_make_a_curve(plain):
    """A deviation of d mm from the onset on: the curve is d; what differs in a name too is another curve."""
    made = {
        (side, d): disturbed(
            plain, np.r_[np.zeros(ONSET), np.full(100 - ONSET, d)], label=f"{side}{d}", side=side, size=d
        )
        for side, sizes in (("left", (0.5, 1.0, 2.0)), ("right", (0.5, 1.0)))
        for d in sizes
    }
    found = analyse("recovery", Recovery(), rollouts=plain, perturbed=tuple(made.values()))
    rows = found.tables["dose"].rows
    assert [r[:3] for r in rows] == [("push left", "size", d) for d in (0.5, 1.0, 2.0)]
    np.testing.assert_allclose([r[3] for r in rows], (0.5, 1.0, 2.0), atol=1e-6)
    np.testing.assert_allclose([r[4] for r in rows], 0.0, atol=1e-6)
    assert "dose" in found.figures
    two = analyse("recovery", Recovery(), rollouts=plain, perturbed=(made["left", 0.5], made["left", 1.0]))
    assert "dose" not in two.figures and "dose" not in two.tables


def test_a_course_worked_by_hand(plain, ramp):
    """Peak 2 mm after 10 steps of 2.5 ms; it falls by 0.1 mm a step, below 11 % of the peak 18 steps later."""
    found = respond(plain, ramp, "push", ("shoulder_tip", "elbow_tip"), Recovery(recovered_share=0.11))
    np.testing.assert_allclose(found.peak_mm, 2.0, rtol=1e-6)
    np.testing.assert_allclose(found.peak_ms, 25.0)
    np.testing.assert_allclose(found.recovery_ms, 70.0)
    np.testing.assert_allclose(found.left_mm, 0.05, rtol=1e-6)
    # excitation of entry 24 was sent at the instant of entry 23, three steps after the onset
    np.testing.assert_allclose(found.latency_ms[:, 0], 7.5)
    assert np.isinf(found.latency_ms[:, 1:]).all()
    # over the first 100 ms, 41 instants: zero in three of them
    np.testing.assert_allclose(found.mean_change[:, 0], 0.2 * 38 / 41, rtol=1e-6)


def delayed(rollouts, motor_delay_ms):
    """The same rollouts of a controller whose excitation arrives that much later."""
    return attrs.evolve(rollouts, training=training_of({"task": {"motor_delay_ms": motor_delay_ms}}))


def test_latency_ends_when_the_controller_sends(plain):
    """Excitation of entry 28 was sent one step and a motor delay of 4 steps before: at entry 23, 7.5 ms after."""
    plain, moved = delayed(plain, 10.0), delayed(disturbed(plain, [], muscle=28), 10.0)
    found = respond(plain, moved, "push", ("elbow_tip",), Recovery())
    np.testing.assert_allclose(found.latency_ms[:, 0], 7.5)
    methods = analyse("recovery", rollouts=plain, perturbed=moved).methods
    assert "the instant at which the controller sends it, 10 ms before it reaches the muscles." in methods


def test_what_is_left_after_a_late_onset(plain):
    """Onset 10 ms before the first clips' end: the last 25 ms hold 5 instants that follow it, all at 1 mm."""
    late = disturbed(plain, np.ones(100), onset_ms=(237.5, 237.5, None), end_ms=240.0)
    found = respond(plain, late, "push", ("elbow_tip",), Recovery())
    np.testing.assert_allclose(found.left_mm, [1.0, 1.0, np.nan], rtol=1e-6)


def test_activation_has_its_own_time(plain):
    moved = attrs.evolve(disturbed(plain, []), activation=plain.activation + 0.1 * (np.arange(100) >= 24)[:, None])
    found = respond(plain, moved, "push", ("elbow_tip",), Recovery(signal="activation"))
    np.testing.assert_allclose(found.latency_ms, 10.0)


def test_errors_before_during_and_after(plain, ramp):
    found = respond(plain, ramp, "push", ("elbow_tip",), Recovery())
    at = plain.keypoint_names.index("elbow_tip")
    for window, where in (
        ("before", slice(0, ONSET)),
        ("during", slice(ONSET, END + 1)),
        ("after", slice(END + 1, None)),
    ):
        expected = [np.nanmean(r.error_mm[:, where, at]) for r in (plain, ramp)]
        np.testing.assert_allclose(found.error_mm[window], expected, rtol=1e-6)
    assert found.error_mm["before"][0] == found.error_mm["before"][1]


def test_one_that_never_recovers(plain):
    found = respond(plain, disturbed(plain, np.r_[np.zeros(ONSET), np.ones(80)]), "push", ("elbow_tip",), Recovery())
    assert np.isinf(found.recovery_ms).all()
    result = analyse("recovery", rollouts=plain, perturbed=disturbed(plain, np.r_[np.zeros(ONSET), np.ones(80)]))
    assert result.metrics["push"]["recovered"] == 0 and np.isnan(result.metrics["push"]["recovery_ms"])


def test_a_clip_that_was_left_alone_counts_nowhere(plain, ramp):
    alone = attrs.evolve(ramp, perturbation=push(onset_ms=(50.0, None, 50.0)))
    metrics = analyse("recovery", rollouts=plain, perturbed=alone).metrics["push"]
    assert metrics["clips"] == 2 and metrics["peak_mm"]["mean"] == pytest.approx(2.0)


def test_the_animal_is_larger_than_the_model(plain, ramp, toy_model):
    body = attrs.evolve(toy_model.body, scale=1.5)
    plain, ramp = (attrs.evolve(r, body=body) for r in (plain, ramp))
    np.testing.assert_allclose(respond(plain, ramp, "push", ("elbow_tip",), Recovery()).peak_mm, 3.0, rtol=1e-6)


@given(st.lists(st.floats(0, 3), min_size=2, max_size=30), st.floats(0.01, 3))
def test_recovery_stays(course, threshold):
    """From the recovery on nothing is above the threshold; the instant before is."""
    d = np.array(course)
    since = 1e3 * np.arange(len(d)) / RATE
    ms = recovered_ms(d, since, threshold)
    if np.isinf(ms):
        assert d[-1] > threshold
    else:
        at = round(ms * 1e-3 * RATE)
        assert (d[at:] <= threshold).all() and (at == 0 or d[at - 1] > threshold)


def test_clips_are_put_on_the_onset():
    values = np.arange(2 * 40, dtype=float).reshape(2, 40)
    time, out = aligned(values, np.array([0.05, 0.025]), RATE)  # entries 20 and 10
    assert out[0, np.argmin(np.abs(time))] == 20 and out[1, np.argmin(np.abs(time))] == 50
    np.testing.assert_allclose(time[[0, -1]] * RATE, [-10, 29])
    assert np.isnan(out[0, -1]) and out[1, -1] == 79


def test_tables_figures_and_words(plain, ramp):
    other = disturbed(plain, 0.5 * np.ones(100), label="late", onset_ms=0.0, end_ms=250.0, extra_ms=10.0)
    result = analyse("recovery", rollouts=plain, perturbed=(ramp, other))
    assert [row[0] for row in result.tables["recovery"].rows] == ["push", "late"]
    assert len(result.tables["muscles"].rows) == 8 and len(result.tables["clips"].rows) == 6
    assert [row[:2] for row in result.tables["tracking"].rows] == [
        *(("push", w) for w in ("before", "during", "after")),
        ("late", "during"),
    ]
    assert set(result.figures) == set(result.captions) == {"deviation", "muscle_response"}
    labelled = [ax.get_title(loc="left") for ax in result.figures["deviation"].axes if ax.get_visible()]
    assert labelled == ["push (3 clips)", "late (3 clips)"]
    assert "late (push: extra_ms 10)" in result.methods and "10 % of its peak or 0.1 mm" in result.methods
    json.dumps(result.metrics)


def test_names_of_several_of_one_kind(plain):
    made = [disturbed(plain, [], force_N=f, for_ms=20.0) for f in (0.1, 0.2)] + [disturbed(plain, [], label="late")]
    assert labels(made) == ["push force_N 0.1", "push force_N 0.2", "late"]
    assert labels([made[0], made[0]]) == ["push", "push (2)"]


def test_what_cannot_be_compared(plain, ramp):
    for undisturbed, other, found in (
        (ramp, ramp, "the rollouts to compare with were disturbed by 'push'"),
        (plain, plain, "needs rollouts of the disturbed controller beside the undisturbed ones"),
        (plain, attrs.evolve(ramp, clip_names=("a", "b", "c")), "its clip names are a, b, c"),
    ):
        with pytest.raises(DataError, match=found):
            analyse("recovery", rollouts=undisturbed, perturbed=other)
    with pytest.raises(ConfigError, match="no keypoint 'wrist' in these rollouts"):
        analyse("recovery", Recovery(keypoints=("wrist",)), rollouts=plain, perturbed=ramp)
    with pytest.raises(ConfigError, match=r"^recovery\.signal: must be one of 'excitation', 'activation'"):
        structure({"signal": "force"}, Recovery, "recovery")


ORIGIN = {"checkpoint": "last", "clips": "ab", "seed": 0}


@pytest.mark.parametrize(
    ("of_other", "differs"),
    [
        ({"training": training_of({"seed": 2})}, "training run"),
        ({"checkpoint": "best"}, "checkpoint (best, undisturbed last)"),
        ({"clips": "cd"}, "clips file (cd, undisturbed ab)"),
        ({"seed": None}, "seed (None, undisturbed 0)"),
        ({"seed": 3}, "seed (3, undisturbed 0)"),
    ],
)
def test_only_the_perturbation_may_differ(plain, ramp, of_other, differs):
    alike = {**ORIGIN, "training": training_of({"seed": 1})}
    plain, ramp = attrs.evolve(plain, **alike), attrs.evolve(ramp, **alike)
    check_comparable(plain, [ramp])
    with pytest.raises(DataError) as e:
        check_comparable(plain, [attrs.evolve(ramp, **of_other)])
    assert f"'push' and the undisturbed ones differ in their {differs}" in str(e.value)
    assert str(e.value).endswith("make both with the same run, checkpoint and --seed")


def test_rollouts_of_another_simulator_or_length_do_not_belong_together(plain, ramp):
    for change, differs in (
        ({"simulator": "mjx"}, "simulator (mjx, undisturbed synthetic)"),
        ({"n_steps": np.array([100, 100, 80])}, "clips' number of steps ([100, 100, 80], undisturbed [100, 100, 90])"),
    ):
        with pytest.raises(DataError) as e:
            check_comparable(plain, [attrs.evolve(ramp, **change)])
        assert differs in str(e.value)


# -- in a run file --------------------------------------------------------------------------------------------

CHAIN = """
[rollout]
run = "trained"
seed = 4
[perturb.force_pulse]
force_N = 0.1
[perturb.no_biceps]
perturbation = "ablation"
muscles = ["Biceps_Long"]
[analyze.recovery]
response = 0.05
"""


def planned(plugins, tmp_path, text):
    (tmp_path / "trained").mkdir(exist_ok=True)
    (tmp_path / "run.toml").write_text(text)
    config = load_run_file(tmp_path / "run.toml", None, plugins)
    return {s.name: s for s in plan_stages(plugins, config, tmp_path / "out")}


def test_each_table_is_a_stage_after_the_rollout(plugins, tmp_path):
    stages = planned(plugins, tmp_path, CHAIN)
    assert list(stages) == ["rollout", "perturb.force_pulse", "perturb.no_biceps", "analyze.recovery"]
    ablated = stages["perturb.no_biceps"]
    assert ablated.output == tmp_path / "out" / "perturbed" / "no_biceps.h5"
    options = ablated.settings["options"]
    assert options["perturb"]["name"] == "ablation" and options["seed"] == 4
    assert (
        "--perturb ablation --set 'perturb.muscles=[\"Biceps_Long\"]' --out perturbed/no_biceps.h5" in ablated.command
    )
    read = {kind: [p.name for p in files] for kind, files in stages["analyze.recovery"].inputs.items()}
    assert read == {"rollouts": ["rollouts.h5"], "perturbed": ["force_pulse.h5", "no_biceps.h5"]}
    assert "rollouts.h5 perturbed/force_pulse.h5 perturbed/no_biceps.h5" in stages["analyze.recovery"].command


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rollout]\nrun='trained'\n[perturb.puls]", "unknown perturbation 'puls'"),
        ("[rollout]\nrun='trained'\n[perturb.force_pulse]\nforce=1", "perturb.force_pulse.force: unknown setting"),
        ("[perturb.force_pulse]", "perturb.force_pulse: takes up what [rollout] says; add [rollout]"),
        (
            "[rollout]\nrun='trained'\n[analyze.recovery]",
            "analyze.recovery: needs perturbed, which no stage of this run makes; add [perturb.NAME]",
        ),
        ("[rollout]\nrun='trained'\n[perturb]\nforce_pulse=1", "perturb.force_pulse: must be a table, got 1"),
    ],
)
def test_mistakes_are_found_before_anything_is_done(plugins, tmp_path, text, message):
    with pytest.raises(MimicError) as e:
        planned(plugins, tmp_path, text)
    assert message in str(e.value) and "\n" not in str(e.value)


PERTURBED = """
[perturb.force_pulse]
force_N = 0.02
[perturb.limp]
perturbation = "ablation"
[analyze.recovery]
"""


@pytest.mark.slow
def test_a_run_that_is_disturbed(tmp_path):
    """Generate, register, train, roll out, disturb, analyse; and a second time nothing, or only what changed."""
    (tmp_path / "toy_plugin.py").write_text(TOY)
    plugins = discover()
    plugins.load_file(tmp_path / "toy_plugin.py")
    file, out = tmp_path / "toy.toml", tmp_path / "out"
    file.write_text(RUN + PERTURBED)
    pipeline.run(plugins, file, out)
    plain, limp = (Rollouts.load(out / name) for name in ("rollouts.h5", "perturbed/limp.h5"))
    done = limp.perturbation
    assert (done.name, done.label, done.settings["passive"]) == ("ablation", "limp", False)
    assert done.onset_ms == (0.0,) * 5 and plain.perturbation is None
    assert plain.seed is None and limp.seed is None
    assert np.nanmax(np.abs(limp.muscle_force)) == 0 < np.nanmax(plain.muscle_force)
    metrics = json.loads((out / "analysis" / "recovery" / "metrics.json").read_text())
    assert metrics["force_pulse"]["peak_mm"]["mean"] > 0.01 and metrics["limp"]["clips"] == 5
    again = pipeline.run(plugins, file, out, {"perturb": {"force_pulse": {"for_ms": 10.0}}})
    assert again["done"] == ["perturb.force_pulse", "analyze.recovery", "report"]
