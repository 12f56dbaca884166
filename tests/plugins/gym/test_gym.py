"""The environments show the task as it is, and keep Gymnasium's and stable-baselines3's rules."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fake_plugins import mimic
from where import ROOT

from mimic_core.chain import do
from mimic_core.chain.assembly import split_clips
from mimic_core.chain.unroll import ClipRunner
from mimic_core.control.policy import Controller, Decision
from mimic_core.errors import ConfigError, TrainingError

gymnasium = pytest.importorskip("gymnasium", reason="the extra gym is not installed")

from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AutoresetMode, SyncVectorEnv  # noqa: E402
from gymnasium.wrappers import vector as vector_wrappers  # noqa: E402

from mimic_gym.envs import MimicEnv, MimicVectorEnv  # noqa: E402
from mimic_gym.imitation import imitation_task, plan_and_clips  # noqa: E402
from mimic_gym.policy import as_controller, roll_out  # noqa: E402
from mimic_gym.programs import flatten  # noqa: E402

BENCHMARKS = ROOT / "benchmarks"
NAME = "mimic_gym.envs:mimic/Imitation-v0"
MODES = ("NextStep", "SameStep")


@pytest.fixture(scope="module")
def clips_file(toy_clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("gym") / "clips.h5"
    toy_clips.save(path)
    return path


@pytest.fixture(scope="module")
def task(clips_file):
    return imitation_task(clips_file)


@pytest.fixture(scope="module")
def actions(task):
    """(step, actuator) of an untrained policy."""
    return np.random.default_rng(0).uniform(-1, 0, (12, task.action_size)).astype(np.float32)


def near_the_end(task, clip: str, left: int) -> dict:
    """Options that leave ``left`` control steps of a clip."""
    names = task.clips.clip_names
    return {"clip": clip, "step": int(task.n_steps[names.index(clip)]) - 1 - left}


# -- the rules of Gymnasium -----------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", ["flat", "dict"])
def test_gymnasium_finds_no_fault(task, observation):
    with pytest.warns(UserWarning) as warned:
        check_env(MimicEnv(task, observation=observation))
    rest = [str(w.message) for w in warned if "infinity" not in str(w.message) and "render" not in str(w.message)]
    assert rest == []


def test_made_by_its_name(clips_file):
    env = gymnasium.make(NAME, clips=str(clips_file))
    seen, info = env.reset(seed=1)
    assert env.unwrapped.spec.id == "mimic/Imitation-v0"
    assert seen in env.observation_space and seen.dtype == np.float32
    assert set(info) == {"clip", "step"}
    envs = gymnasium.make_vec(NAME, num_envs=3, clips=env.unwrapped.task)
    assert isinstance(envs, MimicVectorEnv) and envs.observation_space.shape == (3, *env.observation_space.shape)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP


def test_gymnasiums_wrappers_fit(task):
    envs = vector_wrappers.RecordEpisodeStatistics(vector_wrappers.NormalizeObservation(MimicVectorEnv(task, 2)))
    envs.reset(seed=0, options=near_the_end(task, "clip_0", 3))
    for _ in range(3):
        *_, truncated, info = envs.step(np.zeros(envs.action_space.shape, np.float32))
    assert truncated.all()
    assert info["episode"]["l"].tolist() == [3] * 2


@pytest.mark.parametrize("mode", MODES)
def test_same_as_gymnasiums_own_vectorisation(task, actions, mode):
    """Until an episode gives way to a new one, which begins at random, everything is the same to the key and mask."""
    own = SyncVectorEnv([lambda: MimicEnv(task)] * 2, autoreset_mode=mode)
    ours = MimicVectorEnv(task, 2, autoreset_mode=mode)
    options = near_the_end(task, "clip_1", 4)
    same(own.reset(seed=0, options=options), ours.reset(seed=0, options=options))
    for action in actions[:3]:
        same(own.step(np.stack([action] * 2)), ours.step(np.stack([action] * 2)))
    *theirs, their_info = own.step(np.stack([actions[3]] * 2))
    *mine, my_info = ours.step(np.stack([actions[3]] * 2))
    assert mine[3].all() and not mine[2].any()
    if mode == "NextStep":
        same((*theirs, their_info), (*mine, my_info))
        seen, reward, terminated, truncated, _ = ours.step(np.stack([actions[4]] * 2))
        assert reward.tolist() == [0, 0] and not (terminated | truncated).any()
        again = flatten(task.observe(ours._state))
        np.testing.assert_array_equal(seen, again)
    else:
        same(theirs[1:], mine[1:])
        same(their_info["final_info"], my_info["final_info"])
        same(np.stack(their_info["final_obs"]), np.stack(my_info["final_obs"]))
        assert (my_info["_final_obs"] == their_info["_final_obs"]).all()
        assert not np.allclose(mine[0], np.stack(my_info["final_obs"]))


def same(theirs, ours):
    """Equal in structure and, to the precision of a smaller batch's arithmetic, in value."""
    if isinstance(theirs, dict):
        assert theirs.keys() == ours.keys()
        for key in theirs:
            same(theirs[key], ours[key])
    elif isinstance(theirs, tuple | list):
        assert len(theirs) == len(ours)
        for a, b in zip(theirs, ours, strict=True):
            same(a, b)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_seed_gives_the_same_course(task, mode):
    """Through many ends of episodes, and with other random numbers drawn meanwhile by another environment."""

    def course(seed):
        envs = MimicVectorEnv(task, 2, autoreset_mode=mode)
        seen = [envs.reset(seed=seed)[0]]
        ends = 0
        for _ in range(90):
            observation, _, terminated, truncated, _ = envs.step(np.full(envs.action_space.shape, -1, np.float32))
            seen.append(observation)
            ends += (terminated | truncated).sum()
        return np.array(seen), ends

    first, ends = course(3)
    assert ends >= 2
    np.testing.assert_array_equal(first, course(3)[0])
    assert not np.allclose(first, course(4)[0])


def test_what_is_returned_is_the_callers_own(task):
    envs = MimicVectorEnv(task, 2)
    seen, _ = envs.reset(seed=0)
    kept = seen.copy()
    seen[:] = 0
    assert not np.allclose(envs.step(np.zeros(envs.action_space.shape))[0], 0)
    np.testing.assert_array_equal(MimicVectorEnv(task, 2).reset(seed=0)[0], kept)


# -- the task behind them -------------------------------------------------------------------------------------


def test_shows_what_the_task_computes(task, actions):
    env = MimicEnv(task, observation="dict")
    seen, info = env.reset(options={"clip": "clip_2", "step": 5})
    state = task.reset_at(jnp.array([2]), jnp.array([5]))
    observe, step = jax.jit(task.observe), jax.jit(task.step)
    assert info == {"clip": 2, "step": 5}
    for action in actions:
        for name, part in observe(state)._asdict().items():
            np.testing.assert_allclose(seen[name], part[0], rtol=1e-5, atol=1e-5)
        state, outcome = step(state, jnp.asarray(action[None]))
        seen, reward, terminated, truncated, info = env.step(action)
        assert reward == pytest.approx(float(outcome.reward[0]), rel=1e-5)
        weighted = sum(t.weight * info["terms"][t.name] for t in task.rewards)
        assert reward == pytest.approx(weighted, rel=1e-5)
        assert (terminated, truncated) == (bool(outcome.terminated[0]), bool(outcome.truncated[0]))
    assert info["step"] == 5 + len(actions)


def test_actions_beyond_the_bounds_count_as_the_bounds(task):
    env = MimicEnv(task)
    results = []
    for size in (1.0, 7.0):
        env.reset(options={"clip": "clip_0"})
        results.append(env.step(np.full(task.action_size, size))[0])
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("split", ["train", "held_out", "all"])
def test_episodes_are_of_the_split_that_training_makes(clips_file, toy_clips, split):
    held = split_clips(toy_clips, 0.3, 7)
    expected = {"train": ~held, "held_out": held, "all": np.ones_like(held)}[split]
    task = imitation_task(clips_file, {"seed": 7, "holdout": 0.3}, split=split)
    np.testing.assert_array_equal(task.train_clips, np.flatnonzero(expected))


def test_settings_are_those_of_training(clips_file):
    given = {"task": {"control_rate_hz": 200, "window": 3}, "rewards": {"joint": {"weight": 2.0}}}
    task = imitation_task(clips_file, given)
    assert MimicEnv(task, observation="dict").observation_space["reference"].shape == (3 * len(task.model.joint_names),)
    assert task.control_dt == 1 / 200
    assert {t.name: t.weight for t in task.rewards}["joint"] == 2.0


def test_true_physics_is_the_simulators_own(clips_file, task):
    """The preset trains with Euler steps; the true physics is the body's own integrator, whoever trains."""

    def after(**how):
        simulator = imitation_task(clips_file, **how).simulator
        zeros = jnp.zeros((1, len(task.model.joint_names)))
        start = simulator.reset(zeros, zeros, jnp.zeros((1, task.action_size)))
        return np.asarray(simulator.step(start, jnp.ones((1, task.action_size))).qpos)

    truth = after(true_physics=True)
    np.testing.assert_array_equal(truth, after(given={"policy": {"name": "bottleneck_apg"}}))
    assert not np.array_equal(truth, after())


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"split": "heldout"}, "split: must be one of train, held_out, all, got 'heldout'; did you mean held_out"),
        ({"split": "held_out", "given": {"holdout": 0}}, "has no held_out clip"),
        ({"observation": "flatt"}, "observation: must be flat or dict, got 'flatt'; did you mean flat"),
        ({"given": {"rewardz": {}}}, "rewardz: unknown section; did you mean rewards"),
    ],
)
def test_wrong_settings_are_named(clips_file, how, said):
    with pytest.raises(ConfigError, match=said):
        MimicEnv(clips_file, **how)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"clips": "clip_0"}, "options.clips: unknown; did you mean clip"),
        ({"clip": "clip0"}, "options.clip: no clip 'clip0'; did you mean"),
        ({"step": 3}, "options.step: says nothing without options.clip"),
        ({"clip": "clip_0", "step": 1000}, r"options.step: must be 0 to \d+ in these clips, got \[1000\]"),
    ],
)
def test_wrong_places_to_begin_are_named(task, options, said):
    with pytest.raises(ConfigError, match=said):
        MimicEnv(task).reset(options=options)


def test_wrong_uses_are_named(task):
    with pytest.raises(ConfigError, match="a task is given, which has its own settings; leave split out"):
        MimicVectorEnv(task, 2, split="all")
    with pytest.raises(ConfigError, match="num_envs: must be at least 1"):
        MimicVectorEnv(task, 0)
    with pytest.raises(ConfigError, match="autoreset_mode: must be NextStep or SameStep"):
        MimicVectorEnv(task, 2, autoreset_mode="Disabled")
    with pytest.raises(gymnasium.error.ResetNeeded):
        MimicVectorEnv(task, 2).step(np.zeros((2, task.action_size)))


def test_a_body_that_diverged_stops_the_trainer(task):
    env = MimicEnv(task)
    env.reset(seed=0)
    env._state = env._state._replace(sim=env._state.sim._replace(qvel=jnp.full_like(env._state.sim.qvel, jnp.nan)))
    with pytest.raises(TrainingError, match="the physics diverged"):
        env.step(np.zeros(task.action_size))


@pytest.mark.slow
def test_a_run_brings_its_clips_and_settings(clips_file, plugins, tmp_path):
    layers = {part: [8] for part in ("encoder_layers", "decoder_layers", "critic_layers")}
    policy = {"environments": 8, "batch_size": 8, "minibatches": 2, "unroll": 5, "steps": 80, "evaluations": 1}
    given = {"policy": {"name": "bottleneck_ppo", **layers, **policy}, "task": {"window": 4}, "seed": 2}
    do(plugins, "train", clips=clips_file, out=tmp_path / "run", **given)
    of_run, of_clips = (
        imitation_task(tmp_path / "run", split="held_out"),
        imitation_task(clips_file, given, split="held_out"),
    )
    np.testing.assert_array_equal(of_run.train_clips, of_clips.train_clips)
    first, second = (MimicEnv(t).reset(seed=0)[0] for t in (of_run, of_clips))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(ConfigError, match="a run has its own settings; leave task out"):
        imitation_task(tmp_path / "run", {"task": {"window": 3}})


# -- back to mimic --------------------------------------------------------------------------------------------


def test_a_policy_from_outside_is_measured_like_one_from_inside(clips_file):
    truth = imitation_task(clips_file, split="held_out", true_physics=True)
    seen, _ = MimicEnv(truth).reset(seed=0)
    weights = np.random.default_rng(0).normal(0, 0.3, (len(seen), truth.action_size)).astype(np.float32)

    def inside(variables, observation, carry, key):
        return Decision(jnp.clip(flatten(observation) @ weights, -1, 1), carry)

    runner = ClipRunner(truth, truth.train_clips)
    expected = runner.tracking_mm(Controller(variables=(), start=lambda batch: (), act=inside))
    measured = runner.tracking_mm(as_controller(lambda seen: seen @ weights, truth))
    assert measured == pytest.approx(expected, rel=1e-3)
    rollouts = roll_out(lambda seen: seen @ weights, clips_file)
    assert [n == "held_out" for n in rollouts.split] == [i in truth.train_clips for i in range(len(rollouts.split))]
    held = [n == "held_out" for n in rollouts.split]
    found = np.average(rollouts.clip_errors_mm()[held], weights=rollouts.n_steps[held])
    assert found == pytest.approx(expected, rel=1e-3)


# -- stable-baselines3 ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sb3():
    return pytest.importorskip("stable_baselines3", reason="stable-baselines3 is not installed")


@pytest.mark.filterwarnings("error")
def test_stable_baselines3_finds_no_fault(task, sb3):
    from stable_baselines3.common.env_checker import check_env as check

    check(MimicEnv(task))


def test_stable_baselines3_is_told_how_episodes_ended(task, sb3):
    from mimic_gym.sb3 import SB3VecEnv

    inner = MimicVectorEnv(task, 2, autoreset_mode="SameStep")
    envs = SB3VecEnv(inner)
    envs.seed(0)
    first = envs.reset()
    np.testing.assert_array_equal(first, MimicVectorEnv(task, 2).reset(seed=0)[0])
    inner.reset(options=near_the_end(task, "clip_0", 1))
    seen, reward, over, infos = envs.step(np.zeros((2, task.action_size)))
    assert over.all() and reward.shape == (2,)
    assert [i["TimeLimit.truncated"] for i in infos] == [True, True]
    assert not np.allclose(infos[0]["terminal_observation"], seen[0])
    _, _, over, infos = envs.step(np.zeros((2, task.action_size)))
    assert infos == [{}, {}] and not over.any()
    with pytest.raises(ConfigError, match='stable-baselines3 needs "SameStep"'):
        SB3VecEnv(MimicVectorEnv(task, 2))


@pytest.mark.slow
def test_stable_baselines3_trains(task, sb3):
    from stable_baselines3.common.vec_env import VecMonitor

    from mimic_gym.sb3 import SB3VecEnv

    envs = VecMonitor(SB3VecEnv(MimicVectorEnv(task, 4, autoreset_mode="SameStep")))
    model = sb3.PPO("MlpPolicy", envs, n_steps=64, batch_size=64, n_epochs=2, seed=0, device="cpu")
    before = {k: v.clone() for k, v in model.policy.state_dict().items()}
    model.learn(512)
    assert any(not v.equal(before[k]) for k, v in model.policy.state_dict().items())
    assert len(model.ep_info_buffer) > 0


# -- the benchmark's peers ------------------------------------------------------------------------------------


def test_peers_are_given_the_same_task(clips_file, plugins, tmp_path, monkeypatch):
    """Observations, rewards and ends of the environment that stable-baselines3 is timed on."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.syspath_prepend(BENCHMARKS / "throughput_peers")
    from reach_env import ReachEnv
    from reach_task import ReachTask
    from throughput import REWARDS, export

    given = {"terminations": {"keypoint_error": {"max_share": 0.1}}, "rewards": REWARDS}
    task = imitation_task(clips_file, given)
    export(task, plan_and_clips(clips_file, given, plugins)[0], tmp_path)
    ours, theirs = MimicEnv(task), ReachEnv(ReachTask(tmp_path))
    ends = []
    late = int(task.n_steps[task.train_clips[3]]) - 5
    for clip, step, action in ((1, 4, -1.0), (3, late, 0.2), (2, 4, 1.0)):
        name = task.clips.clip_names[task.train_clips[clip]]
        expected, _ = ours.reset(options={"clip": name, "step": step})
        theirs.put(clip, step, np.asarray(ours._state.sim.activation[0]))
        found, over = theirs._observe(), False
        while not over:
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
            (expected, *judged, _), (found, *found_judged, _) = (
                e.step(np.full(task.action_size, action)) for e in (ours, theirs)
            )
            assert found_judged == pytest.approx(judged, rel=1e-3)
            over = any(judged[1:])
        ends.append(tuple(judged[1:]))
    assert ends == [(True, False), (False, True), (True, False)]


# -- the command ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_shows_what_is_in_the_environment(clips_file, task):
    done = mimic("gym", str(clips_file), "--set", "rewards.joint.weight=2", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert sum(shown["observation"].values()) == MimicEnv(task).observation_space.shape[0]
    assert shown["action"] == list(task.model.actuator_names)
    assert shown["rewards"]["joint"] == 2.0
    assert done.stdout.count("\n") == 1


def test_the_command_has_an_example():
    assert "Example: mimic gym clips.h5" in mimic("gym", "--help").stdout
