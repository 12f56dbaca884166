"""The loop around any learner: contract, curve, checkpoints, resuming, faults, learners that jax cannot compile."""

from __future__ import annotations

import csv
import os
import signal
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_cases import run_loop

from mimic_core import ConfigError, Controller, DataError, Decision, PluginError, Trainer, TrainingError
from mimic_core.trainer import Checkpoints, Loop, LoopSettings, Member, restored_controller


class Walk:
    """Learns nothing: a random walk, which says much of how it was repeated and continued."""

    iterations = 12

    def control_steps(self, iteration):
        return 10 * iteration

    def initial(self, seed):
        return {"at": jnp.zeros(2), "key": jax.random.key(seed), "count": 0}

    def iterate(self, state):
        key, use = jax.random.split(state["key"])
        at = state["at"] + jax.random.normal(use, (2,))
        return {"at": at, "key": key, "count": state["count"] + 1}, {"reward": -jnp.sum(at**2), "first": at[0]}

    def controller(self, state):
        return Controller(variables=state["at"], start=lambda batch: (), act=lambda v, o, c, key: Decision(v, c))


class PlainWalk(Walk):
    """The same without jax."""

    compiled = False

    def initial(self, seed):
        return {"at": np.zeros(2), "seed": np.array(seed), "count": np.array(0)}

    def iterate(self, state):
        if isinstance(state["at"], jax.core.Tracer):
            raise TypeError("was compiled")
        moved = np.random.default_rng([int(state["seed"]), int(state["count"])]).normal(size=2)
        at = state["at"] + moved
        return {**state, "at": at, "count": state["count"] + 1}, {"reward": -float(np.sum(at**2)), "first": at[0]}


WALKS = [Walk, PlainWalk]


def place(controller):
    return np.asarray(controller.variables)


def test_a_walk_is_a_trainer():
    assert isinstance(Walk(), Trainer)


@pytest.mark.parametrize("kind", WALKS)
def test_curve_progress_and_summary(kind, tmp_path):
    told = []
    errors = iter([5.0, 4.0, 3.0, 2.0])
    summary = run_loop(
        kind(),
        tmp_path,
        lambda c: {"tracking_mm": next(errors), "train_mm": 1.0},
        lambda *x: told.append(x),
        settings=LoopSettings(evaluations=3),
    )
    assert (summary["control_steps"], summary["resumed_from"], summary["together"]) == (120, 0, 1)
    with (tmp_path / "curve.csv").open(newline="") as f:
        rows = list(csv.DictReader(f))
    assert [float(r["control_steps"]) for r in rows] == [0, 40, 80, 120]
    assert [float(r["tracking_mm"]) for r in rows] == [5, 4, 3, 2] and rows[0]["reward"] == "nan"
    assert rows == [{k: str(v) for k, v in row.items()} for row in summary["curve"]]
    done, total, metrics = told[-1]
    assert (done, total) == (120, 120) and {"reward", "first", "steps_per_second", "tracking_mm"} <= set(metrics)


@pytest.mark.parametrize("kind", [pytest.param(WALKS[0], marks=pytest.mark.conformance), *WALKS[1:]])
def test_the_seed_decides_and_stopping_does_not(kind, tmp_path):
    """Stopped at the third evaluation of four and begun again, it ends where the undisturbed training does."""
    ends = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run_loop(
            kind(),
            tmp_path / name,
            lambda c, n=name: ends.update({n: place(c).copy()}) or {"tracking_mm": 1.0},
            seed=seed,
        )
    np.testing.assert_array_equal(ends["a"], ends["b"])
    assert np.abs(ends["a"] - ends["c"]).max() > 0.01

    seen = []

    def evaluate(controller):
        seen.append(place(controller).copy())
        if len(seen) == 4:
            raise KeyboardInterrupt
        return {"tracking_mm": 1.0}

    settings = LoopSettings(evaluations=4)
    with pytest.raises(KeyboardInterrupt):
        run_loop(kind(), tmp_path / "d", evaluate, seed=1, settings=settings)
    summary = run_loop(kind(), tmp_path / "d", evaluate, seed=1, settings=settings)
    assert summary["resumed_from"] == 60
    assert [r["control_steps"] for r in summary["curve"]] == [0, 30, 60, 90, 120]
    np.testing.assert_array_equal(seen[-1], ends["a"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_told_to_stop_keeps_what_it_learned(tmp_path, number):
    """Also between two evaluations; going on, it ends where one that was not stopped does."""
    stops = [5]

    class Told(PlainWalk):
        def iterate(self, state):
            if int(state["count"]) in stops:
                os.kill(os.getpid(), number)
            return super().iterate(state)

    ends, before = {}, signal.getsignal(number)
    settings = LoopSettings(evaluations=1)
    with pytest.raises(KeyboardInterrupt, match=number.name) as e:
        run_loop(Told(), tmp_path / "a", lambda c: {"tracking_mm": 1.0}, settings=settings)
    assert e.value.__notes__ == [f"60 of 120 control steps are kept in {tmp_path / 'a'}"]
    assert signal.getsignal(number) is before
    stops.clear()
    for name in ("a", "b"):
        summary = run_loop(
            Told(),
            tmp_path / name,
            lambda c, n=name: ends.update({n: place(c).copy()}) or {"tracking_mm": 1.0},
            settings=settings,
        )
        assert summary["resumed_from"] == (60 if name == "a" else 0)
        assert [r["control_steps"] for r in summary["curve"]] == [0, 120]
    np.testing.assert_array_equal(ends["a"], ends["b"])


@pytest.mark.parametrize("kind", WALKS)
def test_the_best_and_the_last_are_loaded(kind, tmp_path):
    errors, seen = iter([9.0, 3.0, 1.0, 2.0, 4.0]), []

    def evaluate(controller):
        seen.append(place(controller).copy())
        return {"tracking_mm": next(errors)}

    run_loop(kind(), tmp_path, evaluate, settings=LoopSettings(evaluations=4, checkpoints_kept=1))
    assert sorted(int(p.name) for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()) == [6, 12]
    for which, index in (("best", 2), ("last", 4)):
        np.testing.assert_array_equal(place(restored_controller(kind(), tmp_path, which)), seen[index])
    with pytest.raises(ConfigError, match="checkpoint: 'first'; must be one of last, best"):
        restored_controller(kind(), tmp_path, "first")
    with pytest.raises(DataError, match="holds no checkpoint; train first"):
        restored_controller(kind(), tmp_path / "checkpoints")


def test_random_keys_are_saved_and_come_back(tmp_path):
    state = {"key": jax.random.key(5), "x": jnp.arange(3.0)}
    with Checkpoints(tmp_path) as keeper:
        keeper.save(7, state, seconds=1.5)
        again = keeper.restore(jax.eval_shape(lambda: state))
        assert keeper.latest == 7 and keeper.seconds(7) == 1.5
    np.testing.assert_array_equal(jax.random.normal(again["key"]), jax.random.normal(state["key"]))
    np.testing.assert_array_equal(again["x"], state["x"])


def test_a_checkpoint_is_written_when_the_last_is_old(tmp_path):
    """Iterations take longer than the interval, and progress is told about once a second."""

    class Slow(PlainWalk):
        iterations = 3

        def iterate(self, state):
            time.sleep(1.1)
            return super().iterate(state)

    saved = []
    settings = LoopSettings(evaluations=1, checkpoint_interval_s=0.5, checkpoints_kept=5)
    folder = tmp_path / "checkpoints"
    summary = run_loop(
        Slow(),
        tmp_path,
        progress=lambda *_: saved.append(sorted(p.name for p in folder.glob("[0-9]*"))),
        settings=settings,
    )
    assert saved[-1] == ["1", "2", "3"]
    assert 3.2 < summary["seconds"] < 6.0  # saving is not training


@pytest.mark.parametrize("kind", WALKS)
def test_a_number_that_is_not_finite_stops_it_with_the_state_before(kind, tmp_path):
    class Falls(kind):
        def iterate(self, state):
            after, metrics = super().iterate(state)
            bad = state["count"] >= 5
            return after, {**metrics, "slope": (jnp if kind is Walk else np).where(bad, np.nan, 1.0)}

    with pytest.raises(
        TrainingError, match=r"slope is not finite, in iteration 6 \(50 control steps\); the state before"
    ):
        run_loop(Falls(), tmp_path, settings=LoopSettings(evaluations=1))
    with Checkpoints(tmp_path, folder="fault") as keeper:
        like = Falls().initial(0)
        assert keeper.latest == 5 and int(keeper.restore(like)["count"]) == 5


# -- trainers that break their contract -----------------------------------------------------------------------


def walk(**methods):
    return type("Odd", (Walk,), methods)()


ODD = {
    "no reward": (walk(iterate=lambda self, s: (s, {"loss": 1.0})), "gives the metrics loss, without 'reward'"),
    "many rewards": (walk(iterate=lambda self, s: (s, {"reward": jnp.ones(3)})), "metric 'reward' with shape (3,)"),
    "other shape": (
        walk(iterate=lambda self, s: ({**s, "at": jnp.zeros(3)}, {"reward": 1.0})),
        "turns ['at'] of the state from (2,) float32 into (3,) float32; keep its shapes and types",
    ),
    "other type": (
        walk(iterate=lambda self, s: ({**s, "at": jnp.zeros(2, int)}, {"reward": 1.0})),
        "from (2,) float32 into (2,) int32",
    ),
    "other structure": (
        walk(iterate=lambda self, s: ({"at": s["at"]}, {"reward": 1.0})),
        "return a state like the one",
    ),
}


@pytest.mark.parametrize(("trainer", "said"), ODD.values(), ids=ODD)
def test_what_is_wrong_is_said_before_training(trainer, said, tmp_path):
    with pytest.raises(PluginError) as e:
        run_loop(trainer, tmp_path)
    assert said in str(e.value) and "policy Odd: iterate" in str(e.value)


@pytest.mark.parametrize("kind", WALKS)
def test_several_need_values(kind, tmp_path):
    members = [Member(directory=tmp_path / str(seed), seed=seed) for seed in (0, 1)]
    with pytest.raises(ConfigError, match="cannot train several at once; train them one by one"):
        Loop(kind(), members, lambda c: [], lambda *_: None)
