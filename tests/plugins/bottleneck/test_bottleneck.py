"""The trainers: they learn, give the same result for the same seed, and go on where they were stopped."""

from __future__ import annotations

import csv
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from toys import compile_body, make_task
from training_cases import rolled_out, run_loop

from mimic_bottleneck import ApgSettings, PpoSettings
from mimic_core.chain import TrainedRun
from mimic_core.chain.unroll import ClipRunner
from mimic_core.cli import parse_assignments
from mimic_core.config import structure
from mimic_core.errors import ConfigError, DataError
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.rollouts import Rollouts
from mimic_core.records.training import Training
from mimic_stages.training import train
from mimic_strength.holding import holding_activation

SMALL = {"encoder_layers": (16,), "decoder_layers": (16,), "critic_layers": (16,), "intention_size": 2}
PPO = [
    "policy.name=bottleneck_ppo",
    "policy.encoder_layers=[16]",
    "policy.decoder_layers=[16]",
    "policy.critic_layers=[16]",
    "policy.intention_size=2",
    "policy.environments=32",
    "policy.batch_size=16",
    "policy.minibatches=2",
    "policy.passes=2",
    "policy.unroll=10",
    "task.window=3",
    "seed=1",
]
PER_ITERATION = 320  # control steps: 32 environments, unrolls of 10


def ppo(iterations, evaluations, *more):
    return parse_assignments(
        [*PPO, f"policy.steps={iterations * PER_ITERATION}", f"policy.evaluations={evaluations}", *more]
    )


@pytest.fixture(scope="module")
def clips_file(toy_clips, tmp_path_factory):
    return toy_clips.save(tmp_path_factory.mktemp("clips") / "clips.h5")


@pytest.fixture(scope="module")
def trained(plugins, clips_file, tmp_path_factory):
    """A short training, and what it said of itself."""
    out = tmp_path_factory.mktemp("runs") / "trained"
    return out, train(plugins, clips_file, out=out, given=ppo(24, 12))


def learned(plugins, run: Path):
    """Parameters of the last checkpoint."""
    return TrainedRun.open(run, plugins).controller().variables


def assert_same(a, b, rtol=0.0, atol=0.0):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol)


# -- one training ---------------------------------------------------------------------------------------------


def test_what_a_training_leaves_behind(trained, clips_file, plugins):
    out, summary = trained
    training = summary["training"]
    assert training["control_steps"] == 24 * PER_ITERATION and training["resumed_from"] == 0
    assert (summary["simulator"], summary["policy"], summary["preset"]) == ("mjx", "bottleneck_ppo", "laptop")
    assert (summary["train_clips"], summary["held_out_clips"]) == (5, 1)
    with (out / "curve.csv").open(newline="") as f:
        curve = list(csv.DictReader(f))
    assert list(curve[0]) == ["control_steps", "seconds", "reward", "tracking_mm", "train_mm"]
    assert [int(float(r["control_steps"])) for r in curve] == [i * PER_ITERATION for i in range(0, 25, 2)]
    assert float(curve[-1]["tracking_mm"]) == pytest.approx(summary["tracking_mm"])
    assert all(float(a["seconds"]) < float(b["seconds"]) for a, b in itertools.pairwise(curve))
    run = TrainedRun.open(out, plugins)
    assert sorted(run.training.train_clips + run.training.held_out_clips) == [f"clip_{i}" for i in range(6)]
    assert structure(json.loads((out / "run.json").read_text()), Training, "run") == run.training
    assert dict(zip(run.clips.clip_names, run.split, strict=True))[run.training.held_out_clips[0]] == "held_out"
    kept = sorted(int(p.name) for p in (out / "checkpoints").iterdir())
    assert kept[-2:] == [22, 24] and len(kept) <= 3  # checkpoints_kept, and the best
    np.testing.assert_array_equal(ReferenceClips.load(out / "clips.h5").qpos, ReferenceClips.load(clips_file).qpos)


@pytest.mark.slow
def test_where_training_begins_is_decided_by_the_seed(plugins, toy_model, toy_clips):
    config = PpoSettings(**SMALL, environments=8, batch_size=8, minibatches=1)
    trainer = plugins.get("policy", "bottleneck_ppo").build(config, make_task(plugins, toy_clips, toy_model))
    begin = jax.jit(trainer.initial, static_argnums=0)
    assert_same(begin(3), begin(3))
    kernels = [begin(seed).learned.params["params"]["encoder"]["layer_1"]["kernel"] for seed in (3, 4)]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.01
    assert not np.array_equal(begin(3).environments.state.step, begin(4).environments.state.step)


def test_a_finished_training_is_not_done_again(trained, plugins, clips_file):
    out, summary = trained
    before = learned(plugins, out)
    again = train(plugins, clips_file, out=out, given=ppo(24, 12))
    assert again["training"]["resumed_from"] == again["training"]["control_steps"] == 24 * PER_ITERATION
    assert again["training"]["curve"] == summary["training"]["curve"]
    assert_same(before, learned(plugins, out))


@pytest.mark.slow
def test_killed_training_goes_on_from_its_last_checkpoint(trained, plugins, clips_file, tmp_path):
    """Killed without warning (SIGKILL), then the same again: the result is that of the undisturbed training."""
    whole, _ = trained
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "mimic_core.cli", "train", str(clips_file), "--out", str(out), "--seed", "1"]
    for key, v in _flat(ppo(24, 12)):
        if key != "seed":
            command += ["--set", f"{key}={v}"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "JAX_PLATFORMS": "cpu"})
        try:
            deadline = time.monotonic() + 600  # compiling takes minutes where the machine is busy
            while not _finished_checkpoints(out) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            assert process.poll() is None, (tmp_path / "log").read_text()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    done = max(_finished_checkpoints(out))
    assert 2 <= done < 24
    summary = train(plugins, clips_file, out=out, given=ppo(24, 12))
    assert done * PER_ITERATION <= summary["training"]["resumed_from"] < 24 * PER_ITERATION
    assert summary["training"]["control_steps"] == 24 * PER_ITERATION
    assert [r["control_steps"] for r in summary["training"]["curve"]] == [i * PER_ITERATION for i in range(0, 25, 2)]
    assert_same(learned(plugins, whole), learned(plugins, out), rtol=1e-5, atol=1e-6)


def _finished_checkpoints(run: Path) -> list[int]:
    folder = run / "checkpoints"
    return [int(p.parent.name) for p in folder.glob("*/digests.json") if p.parent.name.isdigit()]


def _flat(settings, prefix=""):
    for key, v in settings.items():
        if isinstance(v, dict):
            yield from _flat(v, f"{prefix}{key}.")
        else:
            yield prefix + key, v


def test_other_settings_do_not_go_on_with_it(trained, plugins, clips_file):
    out, _ = trained
    with pytest.raises(ConfigError) as e:
        train(plugins, clips_file, out=out, given=ppo(24, 12, "policy.clip=0.1"))
    assert str(e.value) == (
        f"{out}: holds a training with other settings (plan.settings.policy.clip was 0.2, is 0.1); "
        "choose another --out, or give the same settings to go on with it"
    )


def test_a_folder_with_something_else_in_it_is_left_alone(plugins, clips_file, tmp_path):
    (tmp_path / "thesis.tex").write_text("a year's work")
    with pytest.raises(DataError, match="is not empty and holds no training run; choose another --out"):
        train(plugins, clips_file, out=tmp_path, given=ppo(1, 1))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


# -- checkpoints ----------------------------------------------------------------------------------------------


def test_a_checkpoint_needs_no_other_file_and_may_be_moved(trained, plugins, clips_file, tmp_path):
    out, _ = trained
    moved = tmp_path / "elsewhere"
    shutil.copytree(out / "checkpoints", moved / "checkpoints")
    there = TrainedRun.open(moved, plugins)
    with pytest.raises(DataError, match="no such file; give the reference clips to roll out on"):
        there.controller()
    there = there.on(clips_file)
    assert_same(learned(plugins, out), there.controller().variables)
    a, b = TrainedRun.open(out, plugins).roll_out(), there.roll_out()
    np.testing.assert_array_equal(a.qpos, b.qpos)
    assert a.split == b.split and sorted(set(a.split)) == ["held_out", "train"]
    np.testing.assert_array_equal(a.error_mm, b.error_mm)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such run directory; give the folder that 'mimic train --out' wrote"),
        ((), "holds no checkpoint; train first with 'mimic train'"),
        (("checkpoints",), "holds no finished checkpoint; train first with 'mimic train'"),
    ],
)
def test_a_run_without_a_checkpoint(plugins, tmp_path, content, message):
    run = tmp_path / "run"
    for name in content if content is not None else ():
        (run / name).mkdir(parents=True)
    if content == ():
        run.mkdir()
    with pytest.raises(DataError, match=message):
        TrainedRun.open(run, plugins)


# -- rolled out -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rollouts(trained, plugins):
    out, _ = trained
    rolled_out(plugins, out, out.with_name("rollouts.h5"))
    return Rollouts.load(out.with_name("rollouts.h5"))


def test_rollouts_are_what_the_physics_does(rollouts, toy_model):
    """The states follow from the excitations in plain MuJoCo; entry 0 is the state that the clip begins with."""
    r, m = rollouts, toy_model.mj_model
    np.testing.assert_array_equal(r.n_steps, [79] * 5 + [99])
    d = mujoco.MjData(m)
    d.qpos, d.qvel, d.act = r.qpos[5, 0], r.qvel[5, 0], r.activation[5, 0]
    np.testing.assert_allclose(r.activation[:, 0], holding_activation(toy_model, r.qpos[:, 0]), atol=1e-4)
    for t in range(1, 99):
        d.ctrl, d.qacc_warmstart = r.excitation[5, t], 0.0
        for _ in range(2):
            mujoco.mj_step(m, d)
        np.testing.assert_allclose(r.qpos[5, t], d.qpos, atol=2e-4)
        np.testing.assert_allclose(r.activation[5, t], d.act, atol=1e-4)


def test_entries_and_padding_of_rollouts(rollouts):
    r = rollouts
    by_name = {"action": r.action, "excitation": r.excitation, "reward": r.reward, **r.record}
    for name, values in by_name.items():
        assert np.isnan(values[:, 0]).all() and np.isfinite(values[:, 1:79]).all(), name
    for name in ("qpos", "joint_force", "activation", "muscle_force", "muscle_length", "site_pos", "error_mm"):
        values = getattr(r, name)
        assert np.isfinite(values[:, :79]).all(), name
        assert np.isnan(values[:5, 79:]).all() and np.isfinite(values[5]).all(), name
    np.testing.assert_allclose(r.excitation[:, 1:79], 0.5 * (r.action[:, 1:79] + 1), rtol=1e-5, atol=1e-6)
    assert set(r.reward_terms) == {"joint", "keypoint", "control"}
    np.testing.assert_allclose(
        r.reward[5, 1:],
        5.0 * r.reward_terms["keypoint"][5, 1:]
        + 0.5 * r.reward_terms["joint"][5, 1:]
        - 0.005 * r.reward_terms["control"][5, 1:],
        rtol=1e-4,
        atol=1e-5,
    )
    np.testing.assert_allclose(r.reward_terms["control"][5, 1:], (r.excitation[5, 1:] ** 2).sum(-1), rtol=1e-5)
    assert {k: v.shape for k, v in r.layers.items()} == {"encoder/layer_1": (6, 99, 16), "decoder/layer_1": (6, 99, 16)}
    assert r.record["intention_logvar"].shape == (6, 99, 2)
    np.testing.assert_array_equal(r.record["intention"][5, 1:], r.record["intention_mean"][5, 1:])  # deterministic
    assert r.fixed_keypoints == ("shoulder",)
    error = 1e3 * np.linalg.norm(r.site_pos - r.ref_site_pos, axis=-1)
    np.testing.assert_allclose(r.error_mm, error, rtol=1e-4, atol=1e-4)
    assert (r.error_mm[:, 0] < 1e-3).all()  # it begins on the reference


@pytest.mark.slow
def test_a_seed_makes_rollouts_stochastic(trained, plugins, tmp_path):
    out, _ = trained
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert rolled_out(plugins, out, tmp_path / f"{name}.h5", seed=seed).seed == seed
    a, b, c = (Rollouts.load(tmp_path / f"{n}.h5").action for n in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c, equal_nan=True)


# -- learning -------------------------------------------------------------------------------------------------


@pytest.fixture
def runner(plugins, toy_model, toy_clips):
    return ClipRunner(make_task(plugins, toy_clips, toy_model, window=5), np.arange(6))


@pytest.mark.slow
def test_gradients_through_the_physics_teach(plugins, toy_model, toy_clips, runner, tmp_path):
    config = ApgSettings(**SMALL, environments=32, horizon=20, steps=32 * 20 * 200, evaluations=10)
    task = make_task(plugins, toy_clips, toy_model, window=5, simulator="mjx", differentiable=True)
    spec = plugins.get("policy", "bottleneck_apg")
    told = []
    summary = run_loop(
        spec.build(config, task),
        tmp_path,
        lambda c: {"tracking_mm": runner.tracking_mm(c)},
        lambda done, total, metrics: told.append((done / total, metrics)),
    )
    reward, error = ([row[k] for row in summary["curve"]] for k in ("reward", "tracking_mm"))
    # two muscles cannot move two joints at will: the error has a floor of about 1.4 mm
    assert np.mean(reward[-3:]) > reward[1] and error[-1] < 0.6 * error[0]
    assert told[-1][0] == 1.0 and all(np.isfinite(list(m.values())).all() for _, m in told)
    assert told[-1][1]["gradient_norm"] > 0


@pytest.mark.slow
def test_ppo_finds_the_best_action(plugins, toy_model, toy_clips, tmp_path):
    """The reward −Σ(u − 0.8)² is −0.9 for a body at rest and is best at an excitation of 0.8."""
    config = PpoSettings(
        **SMALL,
        environments=64,
        batch_size=32,
        minibatches=4,
        unroll=10,
        steps=64 * 20 * 30,
        evaluations=2,
        learning_rate=3e-3,
        entropy=0.0,
    )
    task = make_task(plugins, toy_clips, toy_model, {"pull": (-1.0, lambda s: ((s.excitation - 0.8) ** 2).sum())})
    trainer = plugins.get("policy", "bottleneck_ppo").build(config, task)
    seen = task.observe(task.reset(jax.random.key(0), 50))
    excitation = []

    def evaluate(controller):
        action = controller.act(controller.variables, seen, controller.start(50), None).action
        excitation.append(float(toy_model.actuation.excitation(action).mean()))
        return {"tracking_mm": 0.0}

    run_loop(trainer, tmp_path, evaluate)
    assert excitation[0] == pytest.approx(0.125, abs=0.03) and excitation[-1] == pytest.approx(0.8, abs=0.1)


@pytest.mark.slow
def test_ppo_learns_to_track(plugins, toy_model, toy_clips, tmp_path):
    motors = compile_body(plugins, toy_model.body, "torque")
    reward = {"joint": (5.0, lambda s: jnp.exp(-20.0 * ((s.joint_pos - s.ref.joint_pos) ** 2).sum()))}
    config = PpoSettings(
        **SMALL,
        environments=128,
        batch_size=64,
        minibatches=4,
        unroll=20,
        steps=800_000,
        evaluations=6,
        learning_rate=1e-3,
    )
    task = make_task(plugins, toy_clips, motors, reward, window=5)
    runner = ClipRunner(task, np.arange(6))
    trainer = plugins.get("policy", "bottleneck_ppo").build(config, task)
    summary = run_loop(trainer, tmp_path, lambda c: {"tracking_mm": runner.tracking_mm(c)})
    reward, error = ([row[k] for row in summary["curve"][1:]] for k in ("reward", "tracking_mm"))
    assert reward[-1] > 1.2 * reward[0] and error[-1] < 0.8 * error[0]
