"""The imitation task: which instant is seen, where episodes begin and end, and what is rewarded."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Compiled, angles_and_speeds, clips_of, coming_angles, compiled_task, make_task

from mimic_core import Body, BodyModel, Term
from mimic_core.chain.assembly import build_model, build_task, plan_training
from mimic_core.errors import ConfigError
from mimic_core.task.reference import resample
from mimic_core.task.step import as_term, fields_read
from mimic_core.testing.steps import random_step

KEY = jax.random.key(0)


def at(clip, step):
    return jnp.atleast_1d(jnp.asarray(clip)), jnp.atleast_1d(jnp.asarray(step))


def act(task, state, value=0.0):
    return task.step(state, jnp.full((state.step.shape[0], task.action_size), value))


@pytest.fixture(scope="module")
def task(plugins, toy_model, toy_clips):
    return compiled_task(plugins, toy_clips, toy_model, train=[1, 3, 5])


# -- where episodes begin -------------------------------------------------------------------------------------


def test_episodes_begin_on_the_reference(task):
    state = task.reset(KEY, 20_000)
    clip, step = np.asarray(state.clip), np.asarray(state.step)
    np.testing.assert_allclose(state.sim.qpos, task.reference.qpos[clip, step], atol=1e-6)
    np.testing.assert_allclose(state.sim.qvel, task.reference.qvel[clip, step], rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(state.sim.time, step * 0.0025, rtol=1e-6)
    assert set(clip) == {1, 3, 5}  # the training clips, all of them
    assert (step < task.n_steps[clip] - 1).all() and step.min() == 0
    activation = np.asarray(state.sim.activation)
    assert 0 <= activation.min() and 0.19 < activation.max() <= 0.2
    np.testing.assert_array_equal(state.excitation, activation)


def test_every_start_is_equally_likely(task):
    """The longer clip (99 instants against 79) gets its share of starts."""
    clip = np.asarray(task.reset(KEY, 20_000).clip)
    assert (clip == 5).mean() == pytest.approx(98 / (98 + 2 * 78), abs=0.015)


def test_steps_left_before_the_clip_ends(task):
    reset = task.plain.reset  # which need not be compiled for each number
    state = reset(KEY, 40_000, steps_left=30)
    left = task.n_steps[np.asarray(state.clip)] - 1 - np.asarray(state.step)
    assert left.min() == 30
    whole = reset(KEY, 40_000, steps_left=10_000)  # no clip is that long: the whole of it
    assert np.asarray(whole.step).max() == 0


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_an_episode_can_begin_at_any_instant(task, data):
    clip = data.draw(st.integers(0, 5))
    step = data.draw(st.integers(0, int(task.n_steps[clip]) - 1))
    state = task.reset_at(*at([clip], [step]))
    np.testing.assert_allclose(state.sim.qpos[0], task.reference.qpos[clip, step], atol=1e-6)
    np.testing.assert_allclose(state.sim.qvel[0], task.reference.qvel[clip, step], rtol=1e-6, atol=1e-5)
    assert float(state.sim.time[0]) == pytest.approx(step / 400.0)


def test_training_begins_at_every_instant_sooner_or_later(task):
    state = task.reset(KEY, 20_000)
    begun = set(zip(np.asarray(state.clip).tolist(), np.asarray(state.step).tolist(), strict=True))
    assert begun == {(c, s) for c in (1, 3, 5) for s in range(task.n_steps[c] - 1)}


@pytest.mark.parametrize("horizon", [10, 30, 60])
def test_no_instant_is_trained_less_than_the_middle(task, horizon):
    """Of L control steps and segments of h: (h + 1)/(L + h) of the starts cover the first, h/(L + h) those amid."""
    state = task.plain.reset(KEY, 40_000, steps_left=horizon, lead=horizon)
    step = np.asarray(state.step)[np.asarray(state.clip) == 1]
    length = task.n_steps[1] - 1
    covered = np.array([((step <= t) & (t < step + horizon)).mean() for t in range(length)])
    assert covered[0] == pytest.approx((horizon + 1) / (length + horizon), rel=0.06)
    assert covered.min() > 0.9 * horizon / (length + horizon)
    uniform = task.plain.reset(KEY, 40_000, steps_left=horizon, lead=0)
    step = np.asarray(uniform.step)[np.asarray(uniform.clip) == 1]
    assert (step == 0).mean() < 0.3 * covered[0]


def test_half_of_the_episodes_begin_with_their_clip(task):
    step = np.asarray(task.reset(KEY, 20_000).step)
    assert (step == 0).mean() == pytest.approx(0.5, abs=0.02)


def test_half_of_the_first_starts_are_as_in_a_rollout(plugins, toy_model, toy_clips):
    held = np.linspace(0.3, 0.9, 12).reshape(6, 2)
    task = compiled_task(plugins, toy_clips, toy_model, initial_joint_noise=0.05, initial_activation=held)
    state = task.reset(KEY, 20_000)
    clip, first = np.asarray(state.clip), np.asarray(state.step) == 0
    as_rollout = np.isclose(state.sim.activation, held[clip]).all(axis=1)
    assert as_rollout[first].mean() == pytest.approx(0.5, abs=0.02) and not as_rollout[~first].any()
    np.testing.assert_allclose(state.sim.qpos[as_rollout], task.reference.qpos[clip[as_rollout], 0], atol=1e-6)
    rollout = task.reset_at(*at([0, 4], [0, 0]))
    np.testing.assert_allclose(rollout.sim.activation, held[[0, 4]], rtol=1e-6)
    assert (np.asarray(state.sim.activation[~as_rollout]) <= 0.2).all()


def test_the_same_key_gives_the_same_episode(task):
    one, two, other = (task.reset(jax.random.key(k), 6) for k in (0, 0, 1))
    for a, b in zip(jax.tree.leaves(act(task, one)), jax.tree.leaves(act(task, two)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.step, other.step)


def test_disturbed_starts_stay_within_the_limits(plugins, toy_model, toy_clips):
    task = compiled_task(
        plugins, toy_clips, toy_model, initial_joint_noise=0.05, initial_velocity_noise=2.0, initial_activation_max=0.0
    )
    state = task.reset(KEY, 2000, lead=0)
    off = np.asarray(state.sim.qpos) - task.reference.qpos[np.asarray(state.clip), np.asarray(state.step)]
    faster = np.asarray(state.sim.qvel) - task.reference.qvel[np.asarray(state.clip), np.asarray(state.step)]
    assert off.std(axis=0) == pytest.approx(0.05, rel=0.05) and faster.std(axis=0) == pytest.approx(2.0, rel=0.05)
    assert (np.asarray(state.sim.activation) == 0).all()
    wild = compiled_task(plugins, toy_clips, toy_model, initial_joint_noise=3.0).reset(KEY, 500).sim.qpos
    low, high = toy_model.joint_range.T
    assert (wild >= low - 1e-6).all() and (wild <= high + 1e-6).all()


# -- which instant is seen ------------------------------------------------------------------------------------


def test_the_window_shows_the_right_instants(plugins, toy_model, toy_clips):
    """Control at 400 Hz, window of 3 at 5 ms: 2, 4 and 6 control steps ahead, the last one held past the end."""
    task = compiled_task(plugins, toy_clips, toy_model, window=3, window_step_ms=5.0)
    last = task.n_steps[0] - 1
    assert last == 78
    state = task.reset_at(*at([0, 0, 5], [10, 75, 90]))
    view = task.view(state, state.excitation, frozenset())
    q = task.reference.qpos
    np.testing.assert_allclose(view.ref.joint_pos, [q[0, 10], q[0, 75], q[5, 90]], atol=1e-6)
    np.testing.assert_allclose(
        view.future.joint_pos,
        [[q[0, 12], q[0, 14], q[0, 16]], [q[0, 77], q[0, 78], q[0, 78]], [q[5, 92], q[5, 94], q[5, 96]]],
        atol=1e-6,
    )
    np.testing.assert_allclose(task.observe(state).reference, np.asarray(view.future.joint_pos).reshape(3, -1))


def test_after_a_step_reference_and_body_are_of_the_same_instant(plugins, toy_model, toy_clips):
    task = compiled_task(
        plugins,
        toy_clips,
        toy_model,
        {
            "reference": (1.0, lambda s: s.ref.joint_pos[0]),
            "body": (1.0, lambda s: s.joint_pos[0]),
            "time": (1.0, lambda s: s.time),
        },
    )
    state = task.reset_at(*at([0, 2], [10, 20]))
    after, outcome = act(task, state)
    np.testing.assert_array_equal(after.step, [11, 21])
    expected = task.reference.qpos[[0, 2], [11, 21], 0]
    np.testing.assert_allclose(outcome.terms["reference"], expected, atol=1e-6)
    np.testing.assert_array_equal(outcome.terms["body"], after.sim.qpos[:, 0])
    assert not np.array_equal(after.sim.qpos, state.sim.qpos)
    np.testing.assert_allclose(outcome.terms["time"], [0.0275, 0.0525], rtol=1e-5)


def test_the_reference_is_lowpassed_but_the_registered_one_is_kept(plugins, toy_model, toy_clips):
    task = compiled_task(plugins, toy_clips, toy_model, reference_lowpass_hz=25.0)
    frames = toy_clips.qpos[5, :50]
    np.testing.assert_array_equal(task.registered.qpos[5, ::2], frames)
    assert 1e-6 < np.abs(task.reference.qpos[5, ::2] - frames).max() < 0.05


@settings(max_examples=25, deadline=None)
@given(
    camera=st.sampled_from([50.0, 100.0, 120.0, 200.0, 400.0]),
    times=st.integers(1, 5),
    frames=st.integers(4, 30),
    seed=st.integers(0, 1000),
)
def test_unfiltered_the_reference_passes_through_every_frame(toy_model, camera, times, frames, seed):
    """At any camera rate, and without a jump of angle or velocity between the frames."""
    q = np.random.default_rng(seed).normal(0, 0.3, (frames, 2))
    ref = resample(clips_of(toy_model, [q], rate_hz=camera), toy_model, camera * times)
    assert ref.n_steps.tolist() == [(frames - 1) * times + 1]
    np.testing.assert_allclose(ref.qpos[0, ::times], q, atol=1e-12)
    fine = resample(clips_of(toy_model, [q], rate_hz=camera), toy_model, camera * 200)
    h = 1 / (camera * 200)
    np.testing.assert_allclose(
        np.diff(fine.qpos[0], axis=0) / h, 0.5 * (fine.qvel[0, 1:] + fine.qvel[0, :-1]), rtol=1e-3, atol=2e-3 * camera
    )


def test_keypoints_of_the_reference_are_those_of_the_body_there(task, toy_clips):
    frames = toy_clips.site_pos[5, :50]
    np.testing.assert_allclose(task.registered_site_pos[5, ::2], frames, atol=1e-8)
    assert task.moving_keypoints.tolist() == [False, True, True]  # the shoulder is fixed in space


# -- where they end -------------------------------------------------------------------------------------------


def test_a_clip_ends_with_its_last_instant(task):
    state = task.reset_at(*at([0, 0, 5], [76, 77, 77]))
    after, outcome = act(task, state)
    assert outcome.truncated.tolist() == [False, True, False]
    after, outcome = act(task, after)
    assert outcome.truncated.tolist() == [True, True, False]
    assert not outcome.terminated.any()


def test_termination_where_the_body_is_too_far(plugins, toy_model, toy_clips):
    end = [lambda s: s.joint_vel[0] > 1e3, lambda s: jnp.abs(s.joint_pos - s.ref.joint_pos).max() > 0.2]
    task = compiled_task(plugins, toy_clips, toy_model, terminations=end)
    state = task.reset_at(*at([0, 0], [10, 10]))
    far = state.sim.qpos.at[1, 1].add(-0.4)
    _, outcome = act(task, state._replace(sim=state.sim._replace(qpos=far)), -1.0)
    assert outcome.terminated.tolist() == [False, True] and not outcome.truncated.any()


def test_keypoint_error_ends_at_a_share_of_the_body(plugins, toy_model):
    """The toy's keypoints lie 0, 10 and 20 mm from the shoulder: half of its extent is 10 mm."""
    spec = plugins.get("termination", "keypoint_error")
    end = spec.build(spec.config(max_share=0.5), toy_model)

    class Step:
        site_pos = jnp.zeros((3, 3))

        class ref:
            site_pos = jnp.zeros((3, 3)).at[1, 0].set(0.012)  # mean of 0, 12 and x mm

    Step.site_pos = Step.ref.site_pos.at[1, 0].add(0.012).at[2, 2].set(0.0179)
    assert not end(Step)
    Step.site_pos = Step.site_pos.at[2, 2].set(0.0181)
    assert end(Step)


# -- what is rewarded -----------------------------------------------------------------------------------------


def test_reward_is_the_weighted_sum_and_costs_count_against_it(plugins, toy_clips):
    plan = plan_training(
        {
            "rewards": {
                "joint": {"weight": 5.0, "scale": 0.2},
                "control": {"weight": 0.15},
                "energy": {"weight": 0.01},
                "keypoint": False,
            }
        },
        plugins,
    )
    model = build_model(toy_clips.body, plan, plugins)
    task = Compiled(build_task(toy_clips, plan, plugins, train_clips=np.arange(6), for_training=False, model=model))
    _, outcome = act(task, task.reset(KEY, 16), 0.4)
    t = outcome.terms
    assert set(t) == {"joint", "control", "energy"}
    np.testing.assert_allclose(outcome.reward, 5.0 * t["joint"] - 0.15 * t["control"] - 0.01 * t["energy"], rtol=1e-5)
    np.testing.assert_allclose(t["control"], 2 * 0.7**2, rtol=1e-6)  # an action of 0.4 is an excitation of 0.7
    assert (t["energy"] > 0).all() and (t["joint"] > 0.9).all()


def test_what_a_gradient_is_taken_through_is_the_same_step(plugins, toy_model, toy_clips):
    """`advance` leaves terminations and the clip's end out, and nothing else."""
    looked = []
    task = make_task(
        plugins,
        toy_clips,
        toy_model,
        {"speed": (-0.5, lambda s: (s.joint_vel**2).sum())},
        terminations=[lambda s: looked.append(s.site_pos) or s.time > 9],
    )
    state, action = task.reset(KEY, 3), jnp.full((3, 2), 0.2)
    (stepped, outcome), (advanced, reward, terms) = task.step(state, action), task.advance(state, action)
    for a, b in zip(jax.tree.leaves(stepped), jax.tree.leaves(advanced), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(reward, outcome.reward)
    np.testing.assert_allclose(reward, -0.5 * (advanced.sim.qvel**2).sum(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(terms["speed"], outcome.terms["speed"])
    assert looked[-1].shape == (3, 3)  # keypoints are there for the termination that reads them


def test_previous_excitation_is_that_of_the_step_before(plugins, toy_model, toy_clips):
    task = compiled_task(
        plugins,
        toy_clips,
        toy_model,
        {"now": (1.0, lambda s: s.excitation[0]), "before": (1.0, lambda s: s.previous_excitation[0])},
    )
    state = task.reset_at(*at(0, 0), jnp.array([[0.3, 0.1]]))
    state, outcome = act(task, state, 0.0)
    assert (float(outcome.terms["before"][0]), float(outcome.terms["now"][0])) == pytest.approx((0.3, 0.5))
    _, outcome = act(task, state, 1.0)
    assert (float(outcome.terms["before"][0]), float(outcome.terms["now"][0])) == pytest.approx((0.5, 1.0))


def test_a_term_with_memory_is_carried_and_reset(plugins, toy_model, toy_clips):
    def step(m, s):
        return {"steps": m["steps"] + 1, "sum": m["sum"] + s.excitation}, m["steps"] + m["sum"][0]

    count = Term(init=lambda: {"steps": jnp.zeros(()), "sum": jnp.zeros(2)}, step=step)
    task = compiled_task(plugins, toy_clips, toy_model, {"count": (2.0, count)})
    state = task.reset(KEY, 3, steps_left=10)
    seen = []
    for _ in range(3):
        state, outcome = act(task, state, 0.0)
        seen.append(np.asarray(outcome.terms["count"]))
    np.testing.assert_allclose(seen, [[0.0] * 3, [1.5] * 3, [3.0] * 3])
    np.testing.assert_allclose(outcome.reward, 6.0)
    state = task.restart(jax.random.key(5), state, jnp.array([False, True, False]))
    np.testing.assert_array_equal(state.memory["count"]["steps"], [3, 0, 3])
    np.testing.assert_allclose(state.memory["count"]["sum"], [[1.5] * 2, [0.0] * 2, [1.5] * 2])


def test_restart_only_where_asked(task):
    state, _ = act(task, task.reset(KEY, 6), 0.5)
    where = jnp.array([True, False, False, True, False, False])
    again = task.restart(jax.random.key(7), state, where)
    for new, old in zip(jax.tree.leaves(again), jax.tree.leaves(state), strict=True):
        assert new.shape == old.shape and new.dtype == old.dtype
        np.testing.assert_array_equal(new[~where], old[~where])
    fresh = task.reference.qpos[np.asarray(again.clip), np.asarray(again.step)]
    np.testing.assert_allclose(again.sim.qpos[where], fresh[where], atol=1e-6)
    assert not np.allclose(again.sim.qpos[~where], fresh[~where], atol=1e-6)


# -- what is computed at all ----------------------------------------------------------------------------------


def test_fields_read_finds_what_a_term_reads(task):
    view = task.view.example()
    assert fields_read(as_term(lambda s: (s.joint_pos - s.ref.joint_pos).sum()), view) == {"joint_pos", "ref.joint_pos"}
    assert fields_read(as_term(lambda s: s.future.site_pos.sum() + s.time), view) == {"future.site_pos", "time"}
    remembers = Term(init=lambda: jnp.zeros(2), step=lambda m, s: (s.muscle_force, (m * s.activation).sum()))
    assert fields_read(remembers, view) == {"muscle_force", "activation"}


def test_what_no_term_reads_is_none(plugins, toy_model, toy_clips):
    seen = {}

    def look(step):
        seen.update(step._asdict())
        return step.muscle_force.sum()

    task = compiled_task(plugins, toy_clips, toy_model, {"look": (1.0, look)})
    act(task, task.reset(KEY, 2))
    assert seen["muscle_force"].shape == (2,)
    for name in ("joint_force", "muscle_length", "muscle_velocity", "site_pos", "root_pos", "root_quat"):
        assert seen[name] is None, name
    assert seen["ref"].site_pos is None and seen["future"].site_pos is None


def test_keypoints_are_there_for_a_term_that_reads_them(plugins, toy_model, toy_clips):
    error = {
        "distance": (-1.0, lambda s: jnp.linalg.norm(s.site_pos - s.ref.site_pos, axis=-1).sum()),
        "ahead": (0.0, lambda s: s.future.site_pos[-1, 2, 0]),
    }
    task = compiled_task(plugins, toy_clips, toy_model, error, window=2, window_step_ms=2.5, reference_lowpass_hz=0.0)
    state = task.reset_at(*at([0, 1], [4, 30]))
    _, outcome = act(task, state._replace(step=state.step - 1), -1.0)  # the body is a step ahead of its reference
    assert (outcome.terms["distance"] > 1e-5).all()
    np.testing.assert_allclose(outcome.terms["ahead"], task.registered_site_pos[[0, 1], [6, 32], 2, 0], atol=1e-8)


# -- keypoints of the reference as an observation -------------------------------------------------------------


def keypoint_window(plugins, model, **settings):
    spec = plugins.get("observation", "keypoint_window")
    return spec.build(spec.config(**settings), model)


@pytest.mark.parametrize("form", ["difference", "absolute"])
def test_coming_keypoints(plugins, toy_model, form):
    step = random_step(toy_model, 0, window=3)
    seen = keypoint_window(plugins, toy_model, form=form)(step)
    here = step.site_pos if form == "difference" else 0.0
    np.testing.assert_allclose(np.asarray(seen).reshape(3, 3, 3), step.future.site_pos - here, atol=1e-7)
    some = keypoint_window(plugins, toy_model, form=form, keypoints=("hand", "elbow"))(step)
    np.testing.assert_allclose(some.reshape(3, 2, 3), seen.reshape(3, 3, 3)[:, [2, 1]])


@pytest.mark.parametrize("form", ["difference", "absolute"])
def test_coming_keypoints_of_a_free_body_are_seen_from_its_root(plugins, form):
    """Turning and moving everything, body and reference, changes nothing that is seen."""
    mjcf = """<mujoco><worldbody><body name="trunk"><freejoint name="root"/><geom size="0.01" mass="0.01"/>
    <site name="nose" pos="0.01 0 0"/><site name="ear" pos="0 0.01 0"/></body></worldbody></mujoco>"""
    model = BodyModel.compile(Body(name="free", mjcf=mjcf, keypoints={"nose": "nose", "ear": "ear"}))
    step = random_step(model, 0, window=2)
    observe = keypoint_window(plugins, model, form=form)
    turned = step._replace(
        # half a turn about x, quaternion (0 1 0 0), from the left: w x y z → −x w −z y
        root_quat=step.root_quat[np.array([1, 0, 3, 2])] * np.array([-1, 1, -1, 1]),
        root_pos=step.root_pos * np.array([1, -1, -1]) + 0.1,
        site_pos=step.site_pos * np.array([1, -1, -1]) + 0.1,
        future=step.future._replace(site_pos=step.future.site_pos * np.array([1, -1, -1]) + 0.1),
    )
    np.testing.assert_allclose(observe(turned), observe(step), atol=1e-6)
    if form == "absolute":  # where the body is where it shall be, its keypoints lie where they are on it
        there = step._replace(future=step.future._replace(site_pos=np.stack([step.site_pos] * 2)))
        np.testing.assert_allclose(observe(there).reshape(2, 2, 3)[1], [[0.01, 0, 0], [0, 0.01, 0]], atol=1e-6)


def test_a_keypoint_that_the_body_does_not_have(plugins, toy_model):
    with pytest.raises(ConfigError, match=r"^body toy: no keypoint 'hnad'; did you mean hand\?"):
        keypoint_window(plugins, toy_model, keypoints=("hnad",))


# -- what is asked for wrongly --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": []}, "train.holdout: leaves no clip to train on; give more clips or hold out fewer"),
        (
            {"observations": {"reference": [coming_angles], "proprioception": []}},
            "observations: no proprioception observation is chosen; name at least one",
        ),
        (
            {"observations": {"reference": [], "proprioception": [angles_and_speeds]}},
            "observations: no reference observation is chosen; name at least one",
        ),
        (
            {"control_rate_hz": 300.0},
            "task.control_rate_hz: a control step of 3.33333 ms is not a whole number of physics "
            "steps of 1.25 ms; choose a rate that divides 800 Hz",
        ),
    ],
)
def test_what_is_wrong_is_named(plugins, toy_model, toy_clips, change, message):
    with pytest.raises(ConfigError) as e:
        compiled_task(plugins, toy_clips, toy_model, **change)
    assert str(e.value) == message


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        ({"window_step_ms": 3.0}, "task.window_step_ms: 3 ms is taken as 2.5 ms, 1 control steps"),
        ({"window_step_ms": 1.0}, "task.window_step_ms: 1 ms is taken as 2.5 ms, 1 control steps"),
        ({"window_step_ms": 9.0}, "task.window_step_ms: 9 ms is taken as 10 ms, 4 control steps"),
        ({"sensory_delay_ms": 4.0}, "task.sensory_delay_ms: 4 ms is taken as 5 ms, 2 control steps"),
        ({"motor_delay_ms": 1.0}, "task.motor_delay_ms: 1 ms is taken as 0 ms, 0 control steps"),
        ({"window_step_ms": 5.0, "sensory_delay_ms": 2.5}, None),
    ],
)
def test_times_become_whole_control_steps_with_a_remark(plugins, toy_model, toy_clips, change, remark):
    task = compiled_task(plugins, toy_clips, toy_model, **change)
    assert task.remarks == (() if remark is None else (remark,))
    assert task.changed().remarks == task.remarks


def test_no_reward_term_is_an_error(plugins, toy_clips):
    plan = plan_training({"rewards": dict.fromkeys(("joint", "keypoint", "control", "energy"), False)}, plugins)
    with pytest.raises(ConfigError, match="rewards: no reward term is chosen; name at least one"):
        build_task(toy_clips, plan, plugins, train_clips=np.arange(6), for_training=False)
