"""Long recordings: time held out, excerpts that rollouts begin anew in, and times that fit body and recording."""

from __future__ import annotations

import attrs
import jax.numpy as jnp
import numpy as np
import pytest
from free_case import free_model, swaying
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from toys import make_clips

from mimic_core.chain import clip_of, excerpts, parted, plan_training, split_clips
from mimic_core.errors import ConfigError, MimicError

PPO = {"policy": {"name": "bottleneck_ppo"}, "actuation": {"name": "torque"}}


@pytest.fixture(scope="module")
def model():
    return free_model()


@pytest.fixture(scope="module")
def recording(model):
    return swaying(model, 200)


def planned(plugins, clips, **given):
    return plan_training({**PPO, **given}, plugins, clips)


@pytest.mark.parametrize(("holdout", "held"), [("last:40", 40), ("last:1.2s", 60), ("last:0.25", 50), (0.2, 40)])
def test_the_end_of_a_recording_is_held_out(plugins, recording, holdout, held):
    """A share of a single recording that is followed in excerpts is one of its time."""
    plan = planned(plugins, recording, holdout=holdout)
    parts, is_held = parted(recording, plan, plugins)
    assert parts.n_frames.tolist() == [200 - held, held] and is_held.tolist() == [False, True]
    assert parts.clip_names == (f"sway[0:{200 - held}]", f"sway[{200 - held}:200]")
    np.testing.assert_array_equal(parts.qpos[0, : 200 - held], recording.qpos[0, : 200 - held])
    np.testing.assert_array_equal(parts.site_pos[1, :held], recording.site_pos[0, 200 - held :])
    assert np.isnan(parts.qpos[1, held:]).all() and not parts.n_after.any()  # nothing held out is seen coming


@pytest.mark.parametrize(
    ("holdout", "said"),
    [
        ("last:198", "last:198 of clip sway leaves 2 frames to train on and 198 to hold out; each part needs 4"),
        ("last:two", "'last:two' is no length; give frames (last:200), seconds (last:4s) or a share (last:0.2)"),
    ],
)
def test_what_cannot_be_held_out_is_said(plugins, recording, holdout, said):
    with pytest.raises(ConfigError) as e:
        parted(recording, planned(plugins, recording, holdout=holdout), plugins)
    assert str(e.value) == f"train.holdout: {said}"


@examples(max_examples=40, deadline=None)
@given(frames=st.integers(5, 300), seconds=st.floats(0.05, 7.0), window=st.integers(1, 20))
def test_excerpts_cover_a_clip_and_nothing_twice(plugins, model, frames, seconds, window):
    clip = swaying(model, frames)
    plan = planned(plugins, clip, task={"window": window, "excerpt_s": seconds}, holdout=0.0)
    cut, of = excerpts(clip, plan)
    followed = cut.n_frames - cut.n_after
    assert (of == 0).all() and (followed - 1).sum() == frames - 1 and followed.min() >= 4
    assert np.ptp(followed) <= 1  # evenly
    begins = np.concatenate([[0], np.cumsum(followed - 1)])
    for i, (begin, n) in enumerate(zip(begins, cut.n_frames, strict=False)):
        np.testing.assert_array_equal(cut.qpos[i, :n], clip.qpos[0, begin : begin + n])
        assert cut.n_after[i] == min(window, frames - 1 - begins[i + 1])  # a coming instant for each recorded frame
        assert clip_of(cut.clip_names[i]) == "sway"
    assert len(set(cut.clip_names)) == len(cut.clip_names)
    again, _ = excerpts(cut, plan)
    assert again is cut or not cut.n_after.any()


def test_the_task_follows_an_excerpt_and_sees_beyond_it(plugins, model, recording):
    from mimic_core.chain import build_task

    plan = planned(plugins, recording)
    cut, _ = excerpts(recording, plan)
    task = build_task(cut, plan, plugins, train_clips=np.arange(4), for_training=False)
    assert task.n_steps.sum() == 398 + 4 and np.ptp(task.n_steps) <= 2  # of 3.98 s at 100 Hz, both ends counted
    state = task.reset_at(jnp.array([0]), jnp.array([task.n_steps[0] - 1]))
    coming = task.view(state, state.excitation, frozenset({"future.joint_pos"})).future.joint_pos[0]
    frame = int(cut.n_frames[0] - cut.n_after[0]) - 1
    wanted = recording.qpos[0, frame + 1 : frame + 6][:, model.joint_qposadr]
    np.testing.assert_allclose(coming, wanted, atol=1e-4)


def test_a_body_fixed_in_space_keeps_its_times(plugins, toy_clips):
    """The paper's, whatever the recording's rate."""
    alone, fitted = plan_training({}, plugins), plan_training({}, plugins, toy_clips)
    assert alone == fitted and fitted.settings["task"]["control_rate_hz"] == 400.0 and fitted.preset == "laptop"
    slow = attrs.evolve(toy_clips, rate_hz=150.0)
    assert plan_training({}, plugins, slow) == alone
    assert (split_clips(toy_clips, 0.2, 0) == parted(toy_clips, fitted, plugins)[1]).all()
    assert parted(toy_clips, fitted, plugins)[0] is toy_clips and excerpts(toy_clips, fitted)[0] is toy_clips


@pytest.mark.parametrize(("rate", "control", "spacing"), [(50.0, 100.0, 20.0), (30.0, 62.5, 32.0), (400.0, 500.0, 2.0)])
def test_a_free_body_acts_at_a_rate_that_its_physics_and_recording_allow(plugins, model, rate, control, spacing):
    task = planned(plugins, swaying(model, 100, rate)).settings["task"]
    assert task["control_rate_hz"] == control and task["window_step_ms"] == pytest.approx(spacing)


def test_a_rate_that_is_asked_for_is_not_changed(plugins, recording):
    from mimic_core.chain import build_task

    plan = plan_training({**PPO, "task": {"control_rate_hz": 300.0}}, plugins, recording)
    with pytest.raises(MimicError, match=r"task\.control_rate_hz"):
        build_task(recording, plan, plugins, train_clips=np.arange(1), for_training=False)


def test_several_clips_are_drawn_by_the_seed_as_ever(plugins, toy_model):
    clips = make_clips(toy_model, (40,) * 10)
    plan = plan_training({"seed": 3}, plugins, clips)
    assert (parted(clips, plan, plugins)[1] == split_clips(clips, 0.2, 3)).all()
