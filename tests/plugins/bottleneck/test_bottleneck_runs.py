"""Runs: trainings side by side as one program, faults, checkpoints, schedules, and the critic's part in gradients."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap

import attrs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import make_task
from training_cases import rolled_out, run_loop

from mimic_bottleneck import ApgSettings, PpoSettings
from mimic_bottleneck.critic import Critic, Lesson, as_numbers, moved
from mimic_bottleneck.network import Bottleneck
from mimic_core.cli import parse_assignments
from mimic_core.config import merge
from mimic_core.errors import ConfigError, TrainingError
from mimic_core.physics import SimState
from mimic_core.task import Observation
from mimic_core.task.task import Starts
from mimic_core.trainer import Checkpoints, restored_controller
from mimic_stages.training import train, train_together

SMALL = {"encoder_layers": (8,), "decoder_layers": (8,), "critic_layers": (8,), "intention_size": 2}
TINY = parse_assignments(
    [
        "policy.encoder_layers=[8]",
        "policy.decoder_layers=[8]",
        "policy.critic_layers=[8]",
        "policy.intention_size=2",
        "policy.evaluations=2",
        "task.window=2",
    ]
)
POLICIES = {
    "bottleneck_apg": {"policy": {"name": "bottleneck_apg", "environments": 4, "horizon": 3, "steps": 48}},
    "bottleneck_ppo": {
        "policy": {
            "name": "bottleneck_ppo",
            "environments": 8,
            "batch_size": 4,
            "minibatches": 2,
            "passes": 1,
            "unroll": 5,
            "steps": 160,
        }
    },
}


@pytest.fixture(scope="module")
def clips_file(toy_clips, tmp_path_factory):
    return toy_clips.save(tmp_path_factory.mktemp("clips") / "clips.h5")


# -- several as one program -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["bottleneck_apg", "bottleneck_ppo"])
def test_trained_together_is_trained_alone(plugins, clips_file, tmp_path, policy):
    """Seeds (and with them the clips held out), a weight and the learning rate differ; each result is its own."""
    given = [
        merge(
            merge(TINY, POLICIES[policy]),
            {"seed": seed, "rewards": {"control": {"weight": w}}, "policy": {"learning_rate": lr}},
        )
        for seed, w, lr in ((0, 0.01, 1e-3), (1, 0.3, 1e-3), (2, 0.01, 5e-3))
    ]
    outs = [tmp_path / f"together-{i}" for i in range(3)]
    together = train_together(plugins, clips_file, outs=outs, given=given)
    for i, (summary, settings_) in enumerate(zip(together, given, strict=True)):
        alone = train(plugins, clips_file, out=tmp_path / f"alone-{i}", given=settings_)
        for key in ("tracking_mm", "train_mm", "passive_mm"):
            assert summary[key] == pytest.approx(alone[key], rel=1e-3)
        curves = [x["training"]["curve"][1:] for x in (summary, alone)]  # before the first iteration there is no reward
        np.testing.assert_allclose(*([row["reward"] for row in curve] for curve in curves), rtol=1e-3)
        both = [json.loads((folder / "run.json").read_text()) for folder in (outs[i], tmp_path / f"alone-{i}")]
        assert both[0] == both[1]
        rolled_out(plugins, outs[i], tmp_path / "rollouts.h5")
    assert len({s["tracking_mm"] for s in together}) == 3


@pytest.mark.slow
def test_together_goes_on_where_it_was_stopped(plugins, clips_file, tmp_path):
    given = [merge(merge(TINY, POLICIES["bottleneck_ppo"]), {"seed": s}) for s in (0, 1)]
    whole = train_together(plugins, clips_file, outs=[tmp_path / "a", tmp_path / "b"], given=given)
    # as if killed after the first of the two had written its last checkpoint
    newest = max(int(p.name) for p in (tmp_path / "b" / "checkpoints").iterdir() if p.name.isdigit())
    shutil.rmtree(tmp_path / "b" / "checkpoints" / str(newest))
    again = train_together(plugins, clips_file, outs=[tmp_path / "a", tmp_path / "b"], given=given)
    assert 0 < again[0]["training"]["resumed_from"] < again[0]["training"]["control_steps"]
    for a, b in zip(whole, again, strict=True):
        assert a["tracking_mm"] == pytest.approx(b["tracking_mm"], rel=1e-6)


def test_what_changes_shapes_cannot_run_together(plugins, clips_file, tmp_path):
    given = [merge(merge(TINY, POLICIES["bottleneck_apg"]), {"policy": {"horizon": h}}) for h in (3, 4)]
    with pytest.raises(ConfigError, match=r"policy.horizon: differs between trainings.*train them one by one"):
        train_together(plugins, clips_file, outs=[tmp_path / "a", tmp_path / "b"], given=given)


def test_starts_of_fewer_clips_are_padded_and_never_drawn(plugins, toy_clips, toy_model):
    n_steps = np.array([5, 3, 4])
    starts = Starts.of(n_steps, np.array([2, 1]), padded_to=9)
    np.testing.assert_array_equal(starts.table[: starts.count], [[2, 0], [2, 1], [2, 2], [1, 0], [1, 1]])
    assert len(starts.table) == 9
    task = make_task(plugins, toy_clips, toy_model)
    other = task.with_values({}, Starts.of(task.n_steps, np.array([4]), padded_to=1000))
    assert set(np.asarray(other.reset(jax.random.key(0), 200).clip)) == {4}


# -- faults ---------------------------------------------------------------------------------------------------


def stumble(step):
    """Not a number from 40 ms into a clip on, in clips that begin in one half of the workspace."""
    return jnp.where((step.time > 0.04) & (step.joint_pos[0] > 0.0), jnp.nan, 1.0)


@pytest.mark.conformance
def test_a_term_that_is_not_finite_is_named_with_place_and_state(plugins, toy_clips, toy_model, tmp_path):
    config = PpoSettings(**SMALL, environments=8, batch_size=8, minibatches=1, unroll=30, steps=2400, evaluations=1)
    good = (1.0, lambda s: -((s.joint_pos - s.ref.joint_pos) ** 2).sum())
    task = make_task(plugins, toy_clips, toy_model, {"fine": good, "stumble": (1.0, stumble)})
    trainer = plugins.get("policy", "bottleneck_ppo").build(config, task)
    with pytest.raises(
        TrainingError,
        match=r"reward term stumble is not finite at control step \d+ of environment \d+, in iteration \d+ .*fault",
    ):
        run_loop(trainer, tmp_path)
    with Checkpoints(tmp_path, folder="fault") as keeper:
        state = keeper.restore(jax.eval_shape(trainer.initial, 0))
        assert keeper.latest == int(state.iteration)
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(jax.tree.map(np.asarray, state.learned)))


@pytest.mark.slow
def test_the_place_is_right(plugins, toy_clips, toy_model, tmp_path):
    """A term that fails for one clip only: the environment named is in it, and the step is when it first happens."""
    config = ApgSettings(**SMALL, environments=6, horizon=8, steps=48, evaluations=1)
    task = make_task(
        plugins,
        toy_clips,
        toy_model,
        {"late": (1.0, lambda s: jnp.where(s.time > 0.0, s.joint_pos.sum(), 0.0) / jnp.where(s.time > 1e9, 1.0, 1.0))},
        simulator="mjx",
        differentiable=True,
    )
    trainer = plugins.get("policy", "bottleneck_apg").build(config, task)
    state = trainer.initial(0)
    start = trainer._begin(state, 0, trainer.keys(state)[1]).state
    bad_clip, bad_step = int(start.clip[4]), int(start.step[4]) + 3
    at = (bad_step - 0.5) * task.control_dt
    same_clip = [i for i in range(6) if int(start.clip[i]) == bad_clip]
    reference = np.asarray(task._qpos[bad_clip, 0])

    def late(s):
        here = jnp.abs(s.ref.joint_pos - s.ref.joint_pos).sum() + (s.time > at)
        return jnp.where(here > 0, jnp.nan, reference[0])

    steps = {i: bad_step - int(start.step[i]) - 1 for i in range(6)}
    first = min(max(v, 0) for v in steps.values() if v < 8)
    task = make_task(plugins, toy_clips, toy_model, {"late": (1.0, late)}, simulator="mjx", differentiable=True)
    trainer = plugins.get("policy", "bottleneck_apg").build(config, task)
    environment = min(i for i in range(6) if max(steps[i], 0) == first)
    assert 4 in same_clip
    with pytest.raises(TrainingError, match=rf"reward term late .* step {first} of environment {environment},"):
        run_loop(trainer, tmp_path)


@pytest.mark.slow
def test_a_gradient_that_is_not_finite_is_named(plugins, toy_clips, toy_model, tmp_path):
    """√(x²) has a value but no slope at 0, where every muscle that a term leaves alone stays."""
    config = ApgSettings(**SMALL, environments=4, horizon=3, steps=12, evaluations=1)
    rewards = {
        "fine": (1.0, lambda s: -((s.joint_pos - s.ref.joint_pos) ** 2).sum()),
        "edge": (1.0, lambda s: jnp.sqrt((s.excitation - s.excitation) ** 2).sum()),
    }
    task = make_task(plugins, toy_clips, toy_model, rewards, simulator="mjx", differentiable=True)
    trainer = plugins.get("policy", "bottleneck_apg").build(config, task)
    with pytest.raises(TrainingError, match=r"gradient of reward term edge is not finite at control step 2 of"):
        run_loop(trainer, tmp_path)


# -- checkpoints ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_newest_and_the_best_checkpoint_stay(plugins, toy_clips, toy_model, tmp_path):
    config = ApgSettings(**SMALL, environments=2, horizon=2, steps=24, evaluations=6, checkpoints_kept=2)
    task = make_task(plugins, toy_clips, toy_model, simulator="mjx", differentiable=True)
    trainer = plugins.get("policy", "bottleneck_apg").build(config, task)
    errors, seen = iter([9.0, 5.0, 3.0, 1.0, 4.0, 4.5, 4.2]), []

    def evaluate(controller):
        seen.append(np.asarray(jax.tree.leaves(controller.variables.params)[0]).copy())
        return {"tracking_mm": next(errors)}

    run_loop(trainer, tmp_path, evaluate)
    assert sorted(int(p.name) for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()) == [3, 5, 6]
    for which, index in (("best", 3), ("last", 6)):
        found = np.asarray(jax.tree.leaves(restored_controller(trainer, tmp_path, which).variables.params)[0])
        np.testing.assert_array_equal(found, seen[index])
    with pytest.raises(ConfigError, match="checkpoint: 'first'; must be one of last, best"):
        restored_controller(trainer, tmp_path, "first")


# -- schedules and the critic ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_parts_of_a_training_with_their_own_shapes(plugins, toy_clips, toy_model, tmp_path):
    """Half of 240 control steps in segments of 2, half in segments of 6; 12 control steps per update, then 24."""
    config = ApgSettings(**SMALL, horizons=(2, 6), batches=(12, 24), steps=240, evaluations=3)
    task = make_task(plugins, toy_clips, toy_model, simulator="mjx", differentiable=True)
    trainer = plugins.get("policy", "bottleneck_apg").build(config, task)
    assert [(s.horizon, s.environments, s.iterations) for s in trainer.phases] == [(2, 6, 10), (6, 4, 5)]
    assert [trainer.phase(i) for i in (0, 9, 10, 14)] == [0, 0, 1, 1]
    assert [trainer.control_steps(i) for i in (0, 1, 10, 11, 15)] == [0, 12, 120, 144, 240]
    summary = run_loop(trainer, tmp_path)
    assert [r["control_steps"] for r in summary["curve"]] == [0, 60, 120, 240]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"horizons": (3, 6), "horizon": 3}, "horizons is given as well as horizon"),
        ({"batches": (3, 6), "environments": 3}, "batches is given as well as environments"),
        ({"bootstrap": True, "horizons": (3, 6)}, "bootstrap keeps its environments"),
    ],
)
def test_settings_that_exclude_each_other(wrong, said):
    with pytest.raises(ValueError, match=said):
        ApgSettings(**wrong)


@pytest.mark.slow
def test_the_worth_of_a_segment_with_a_critic(plugins, toy_clips, toy_model):
    """With reward 1 per step and a critic that says the slopes b: −(Σγᵗ + γᴴ·b·x)/H of the last state x."""
    config = ApgSettings(
        **SMALL,
        environments=5,
        horizon=3,
        steps=150,
        bootstrap=True,
        restarted=0.0,
        discount=0.9,
        critic_warmup=0.5,
    )
    rewards = {"one": (1.0, lambda s: 1.0 + 0.0 * s.joint_pos.sum())}
    task = make_task(plugins, toy_clips, toy_model, rewards, simulator="mjx", differentiable=True)
    task = task.with_values({}, Starts(np.array([[0, 0], [1, 3]]), 2))  # far from the clips' ends
    trainer = plugins.get("policy", "bottleneck_apg").build(config, task)
    state = jax.jit(trainer.initial)(0)
    n = trainer.brain.network.critic_size
    assert n == as_numbers(state.environments.state.sim).shape[-1]
    b = jnp.linspace(-1.0, 2.0, n)
    params = jax.tree.map(jnp.asarray, state.learned.params)
    out = params["params"]["critic"]["out"]
    params["params"]["critic"]["out"] = {"kernel": jnp.zeros_like(out["kernel"]), "bias": 0.5 * b}
    critic = state.optimizer.critic._replace(size=jnp.full(n, 2.0))
    state = state._replace(
        learned=state.learned._replace(params=params), optimizer=state.optimizer._replace(critic=critic)
    )
    key, nudges = jax.random.key(1), jnp.zeros((3, 5, n))
    both = jax.jit(  # one program, which is what the memory of a small machine has room for
        jax.value_and_grad(
            lambda p, x, at: trainer.loss(p, x, state._replace(iteration=at), state.environments, 0, key),
            argnums=(0, 1),
            has_aux=True,
        )
    )
    for at, trust in ((0, 0.0), (1, 0.2), (5, 1.0), (9, 1.0)):  # of 10 iterations
        (loss, (_, (end, _, discounts))), (gradient, by_state) = both(params, nudges, jnp.asarray(at))
        beyond = float((as_numbers(end.state.sim) @ b).mean())
        assert float(loss) == pytest.approx(-(1 + 0.9 + 0.81 + trust * 0.729 * beyond) / 3, rel=1e-4)
    np.testing.assert_allclose(discounts, np.tile([[1.0], [0.9], [0.81]], 5), rtol=1e-6)
    np.testing.assert_array_equal(end.state.step, state.environments.state.step + 3)
    assert not any(np.asarray(a).any() for a in jax.tree.leaves(gradient["params"]["critic"]))
    # the slope by the states, which the critic learns, beside a difference in each step
    way = jax.random.normal(jax.random.key(2), nudges.shape[1:])
    for t in range(3):
        step = 1e-3 * nudges.at[t].set(way)
        ahead, back = (float(both(params, sign * step, jnp.asarray(9))[0][0]) for sign in (1.0, -1.0))
        assert float((by_state[t] * way).sum()) == pytest.approx((ahead - back) / 2e-3, rel=0.02, abs=2e-4)
    trainer.config = attrs.evolve(config, restarted=1.0)
    again, (_, (anew, _, _)) = jax.jit(
        lambda p: trainer.loss(p, nudges, state._replace(iteration=jnp.asarray(9)), state.environments, 0, key)
    )(params)
    assert float(again) == pytest.approx(float(loss), rel=1e-5)  # what an episode is worth does not depend on it
    assert set(np.asarray(anew.state.step).tolist()) <= {0, 3}  # where episodes begin


def test_a_state_is_moved_number_by_number():
    sim = SimState(jnp.zeros(2), jnp.ones((2, 3)), jnp.zeros((2, 2)), jnp.full((2, 1), 0.5))
    by = jnp.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(as_numbers(moved(sim, by)), as_numbers(sim) + by)
    assert moved(sim, by).activation.tolist() == [[5.5], [11.5]]


def test_a_critic_learns_its_lesson_and_nothing_else():
    """Slopes of very different size that are linear in what is seen, and one that is always 0; then a wild one."""
    network = Bottleneck(2, 3, (8,), (8,), (32,), critic_size=3)
    keys = jax.random.split(jax.random.key(0), 4)
    seen = Observation(jax.random.normal(keys[0], (6, 21, 4)), jax.random.normal(keys[1], (6, 21, 3)))
    first, second = 1e4 * (5.0 + 2.0 * seen.reference[..., 0]), -1e-3 * seen.proprioception[..., 1]
    lesson = Lesson(seen, jnp.stack([first, second, 0.0 * first], axis=-1))
    params = network.init(keys[2], seen.reference[0], seen.proprioception[0])
    critic = Critic(network, 1e-2, passes=100)
    taught, state, _ = jax.jit(critic.learn)(params, critic.begin(params), lesson, keys[3])
    taught, state, _ = jax.jit(critic.learn)(taught, state, lesson, keys[3])
    said = critic.slopes(taught, state, seen)
    for k in (0, 1):
        assert float(((said - lesson.slopes)[..., k] ** 2).mean()) < 0.05 * float(lesson.slopes[..., k].var())
    assert not said[..., 2].any() and state.size[2] == 0.0
    for part, a in taught["params"].items():
        changed = jax.tree.map(lambda x, y: bool((x != y).any()), a, params["params"][part])
        assert any(jax.tree.leaves(changed)) == (part == "critic")
    # one lesson with a wild slope leaves the size nearly as it was: a fiftieth of the way, in orders of magnitude
    wild = Lesson(seen, lesson.slopes.at[0, 0, 1].set(1e3))
    _, after, _ = jax.jit(critic.learn)(taught, state, wild, keys[3])
    assert 1.0 < float(after.size[1] / state.size[1]) < 1.5


@pytest.mark.slow
def test_a_critic_and_short_segments_teach(plugins, toy_clips, toy_model, tmp_path):
    config = ApgSettings(**SMALL, environments=32, horizon=4, steps=128 * 150, evaluations=1, bootstrap=True)
    task = make_task(
        plugins,
        toy_clips,
        toy_model,
        {"pull": (-1.0, lambda s: ((s.activation - 0.8) ** 2).sum())},
        simulator="mjx",
        differentiable=True,
    )
    summary = run_loop(plugins.get("policy", "bottleneck_apg").build(config, task), tmp_path)
    assert summary["curve"][-1]["reward"] > -0.35  # at rest it is −2·0.8², and an episode begins near rest


# -- several devices ------------------------------------------------------------------------------------------

_DEVICES = textwrap.dedent(
    """
    import sys
    import jax
    from mimic_core.trainer.runtime import join_processes
    join_processes()
    import json
    from mimic_stages.training import train, train_together
    from mimic_core.chain.installed import installed
    clips, out, given, devices = sys.argv[1:5]
    assert jax.device_count() == int(devices), jax.devices()
    summary = train(installed(), clips, out=out, given=json.loads(given))
    print(json.dumps({"curve": summary["training"]["curve"]}))
    """
)


def _on_devices(tmp_path, clips_file, policy, name, devices, *more):
    given = merge(merge(TINY, POLICIES[policy]), {"simulator": {"name": "mjx"}, "seed": 1})
    env = {**os.environ, "JAX_PLATFORMS": "cpu"}
    here = devices
    if more:
        env |= dict(zip(("JAX_COORDINATOR_ADDRESS", "MIMIC_PROCESSES", "MIMIC_PROCESS_ID"), more, strict=True))
        here = devices // int(more[1])
    env["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={here}"
    return subprocess.Popen(
        [sys.executable, "-c", _DEVICES, str(clips_file), str(tmp_path / name), json.dumps(given), str(devices)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _curve(process):
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err[-3000:]
    return json.loads(out.strip().splitlines()[-1])["curve"]


def _same_curves(a, b):
    assert [r["control_steps"] for r in a] == [r["control_steps"] for r in b]
    for key in ("reward", "tracking_mm"):
        # None before the first update is NaN here
        np.testing.assert_allclose(*(np.array([r[key] for r in c], float) for c in (a, b)), rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_results_do_not_depend_on_the_number_of_devices(clips_file, tmp_path, policy):
    _same_curves(*(_curve(_on_devices(tmp_path, clips_file, policy, f"on-{n}", n)) for n in (1, 4)))


@pytest.mark.slow
def test_two_processes_train_one_policy(clips_file, tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{s.getsockname()[1]}"
    policy = "bottleneck_apg"
    both = [_on_devices(tmp_path, clips_file, policy, "two", 2, address, "2", str(rank)) for rank in range(2)]
    curves = [_curve(p) for p in both]
    _same_curves(*curves)
    _same_curves(curves[0], _curve(_on_devices(tmp_path, clips_file, policy, "one", 1)))


@pytest.mark.slow
def test_the_host_engine_serves_one_device_only(clips_file, tmp_path):
    given = merge(merge(TINY, POLICIES["bottleneck_ppo"]), {"simulator": {"name": "mujoco"}})
    code = _DEVICES.replace("summary =", "from mimic_core.errors import ConfigError\ntry:\n    summary =").replace(
        'print(json.dumps({"curve": summary["training"]["curve"]}))', 'except ConfigError as e:\n    print("said:", e)'
    )
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(clips_file), str(tmp_path / "run"), json.dumps(given), "2"],
        env=env,
        capture_output=True,
        text=True,
    )
    assert "runs on 2 devices; name one that runs there with --simulator" in done.stdout, done.stderr[-2000:]
