"""Checks of policies: one is trained for an iteration on the toy body, saved, loaded, and asked for actions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import jax
import jax.numpy as jnp
import numpy as np

from mimic_core.chain.assembly import build_task, plan_training
from mimic_core.chain.trained_run import build_trainer
from mimic_core.chain.unroll import ClipRunner
from mimic_core.config import merge, structure, unstructure
from mimic_core.control.policy import Controller, Decision, PolicySpec, Trainer
from mimic_core.errors import PluginError
from mimic_core.plugins.manager import Plugins
from mimic_core.records.clips import ReferenceClips
from mimic_core.task.state import Observation
from mimic_core.task.task import Task
from mimic_core.testing.records import standing_clips, toy_clips
from mimic_core.trainer.checkpoints import restored_controller
from mimic_core.trainer.loop import Loop
from mimic_core.trainer.settings import LoopSettings
from mimic_core.trainer.values import Member

_BATCH = 3
_MEMBERS = ("iterations", "control_steps", "initial", "iterate", "controller")


class PolicyCase:
    """A policy on the toy body.

    Args:
        record: the policy.
        plugins: body, physics and terms come from them.
        config: settings of the policy; None: the defaults with those of the first preset laid over them.
    """

    def __init__(self, record: PolicySpec, plugins: Plugins, config: Any = None) -> None:
        self.record, self.plugins = record, plugins.having("policy", record)
        given = {"policy": {"name": record.name}}
        if config is not None:
            given = merge(given, {"policy": unstructure(config)})
        self._given = given

    @cached_property
    def plan(self) -> Any:
        return plan_training(self._given, self.plugins)

    def task(self, clips: ReferenceClips, for_training: bool) -> Task:
        every = np.arange(len(clips.clip_names))
        return build_task(clips, self.plan, self.plugins, train_clips=every, for_training=for_training)

    @cached_property
    def clips(self) -> ReferenceClips:
        return toy_clips(self.plugins)

    @cached_property
    def truth(self) -> Task:
        return self.task(self.clips, for_training=False)

    @cached_property
    def trainer(self) -> Trainer:
        return build_trainer(self.plan, self.plugins, self.task(self.clips, for_training=True))

    @cached_property
    def seen(self) -> Observation:
        """Observations of the true physics, (3, n) and (3, m)."""
        begun = jax.jit(lambda clip, step: self.truth.observe(self.truth.reset_at(clip, step)))
        return begun(np.zeros(_BATCH, np.int32), np.arange(_BATCH) * 10)

    @cached_property
    def controller(self) -> Controller:
        """The controller that a training begins with."""
        return self.trainer.controller(self._initial(0))

    def _initial(self, seed: int) -> Any:
        compiled = getattr(self.trainer, "compiled", True)
        return (jax.jit(self.trainer.initial) if compiled else self.trainer.initial)(seed)

    @cached_property
    def trained(self) -> Trained:
        """One iteration of training."""
        return Trained(self)

    def act(self, controller: Controller, key: Any = None, **inputs: Any) -> Decision:
        """Let a controller act once for the batch, in a compiled program."""
        start = controller.start(_BATCH)
        return jax.jit(lambda v, o, c: controller.act(v, o, c, key, **inputs))(controller.variables, self.seen, start)


class Trained:
    """A policy after one iteration, twice from the same seed, with the controller that was loaded again."""

    def __init__(self, case: PolicyCase) -> None:
        runner = ClipRunner(case.truth, np.arange(1))
        spec = case.record
        settings = LoopSettings.of(structure(case.plan.settings["policy"], spec.config, "policy"))
        self.controllers: list[Controller] = []

        def evaluate(controller: Controller) -> list[dict[str, float]]:
            kept = jax.tree.map(np.array, controller.variables)
            self.controllers.append(_with(controller, kept))
            return [{"tracking_mm": runner.tracking_mm(controller)}]

        once = _once(case.trainer)
        with TemporaryDirectory() as folder:
            directory = Path(folder)
            loop = Loop(once, [Member(directory=directory, seed=0)], evaluate, lambda *_: None, settings)
            self.curve = loop.run()[0]["curve"]
            # as it is loaded: by a trainer built anew, for other clips
            elsewhere = case.task(standing_clips(case.truth.model), for_training=False)
            self.loaded = restored_controller(build_trainer(case.plan, case.plugins, elsewhere), directory)
        again, _ = loop.programs.iterate(0, loop.programs.initial())
        self.again = _with(self.controllers[-1], case.trainer.controller(again.state).variables)


def _with(controller: Controller, variables: Any) -> Controller:
    return attrs.evolve(controller, variables=variables)


def _once(trainer: Trainer) -> Trainer:
    """The same trainer, for one iteration."""

    class Once:
        iterations = 1

        def __getattr__(self, name: str) -> Any:
            return getattr(trainer, name)

    Once.__name__ = type(trainer).__name__
    return Once()


# -- the checks -----------------------------------------------------------------------------------------------


def check_presets(case: PolicyCase) -> None:
    """Every preset is accepted as it stands."""
    for preset in case.record.presets or (None,):
        given = {"policy": {"name": case.record.name}, **({"preset": preset} if preset else {})}
        plan_training(given, case.plugins)


def check_contract(case: PolicyCase) -> None:
    """It has what a trainer has, and counts iterations and control steps."""
    trainer, who = case.trainer, f"build returns {type(case.trainer).__name__}"
    missing = [name for name in _MEMBERS if not hasattr(trainer, name)]
    if missing:
        raise PluginError(f"{who} without {', '.join(missing)}; return a mimic_core.Trainer")
    n = trainer.iterations
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise PluginError(f"{who} with iterations {n!r}; give a whole number, at least 1")
    at = sorted({0, 1, min(2, n), n // 2, n - 1, n})
    steps = [trainer.control_steps(i) for i in at]
    if steps[0] != 0 or any(a >= b for a, b in itertools.pairwise(steps)):
        said = ", ".join(f"{s} after {i}" for i, s in zip(at, steps, strict=True))
        raise PluginError(f"control_steps gives {said} iterations; begin with 0, and give more with every iteration")


def check_trains(case: PolicyCase) -> None:
    """One iteration gives a state like the one before, metrics that are finite, and another controller.

    The same seed gives the same.
    """
    trained = case.trained
    if not np.isfinite(trained.curve[-1]["reward"]):
        raise PluginError(f"the reward of an iteration is {trained.curve[-1]['reward']}; give a finite number")
    before, after = trained.controllers[0], trained.controllers[-1]
    if _same(before.variables, after.variables):
        raise PluginError("an iteration leaves the controller's variables as they were; return what was learned")
    if not _same(after.variables, trained.again.variables, rtol=1e-4, atol=1e-6):
        raise PluginError(
            "the same seed gives another controller when the iteration is repeated; draw every random number from "
            "the state, and keep nothing that changes in the trainer"
        )


def check_loads(case: PolicyCase) -> None:
    """What was saved and loaded, into a task with other clips, acts as what was trained."""
    trained = case.trained
    expected, found = (case.act(c).action for c in (trained.controllers[-1], trained.loaded))
    if not np.allclose(found, expected, rtol=0, atol=1e-5):
        off = float(np.abs(np.asarray(found) - np.asarray(expected)).max())
        raise PluginError(
            f"saved, and loaded into a task with other clips, it acts otherwise (by {off:.2g}); keep all that is "
            "learned or measured in the state, not in the trainer"
        )


def check_acts(case: PolicyCase) -> None:
    """Actions, memory and record have their shapes; each of a batch acts alone; without a key there is no chance."""
    controller, joints = case.controller, case.truth.action_size
    start = controller.start(_BATCH)
    for key, how in ((None, "deterministically"), (jax.random.key(1), "with a key")):
        decision = case.act(controller, key)
        action = np.asarray(decision.action)
        if action.shape != (_BATCH, joints):
            raise PluginError(f"action {how} has shape {action.shape}, expected {(_BATCH, joints)}: (batch, actuator)")
        if not (np.isfinite(action).all() and (np.abs(action) <= 1.0).all()):
            raise PluginError(
                f"action {how} is {action.min():.3g} to {action.max():.3g}; keep it in [-1, 1], e.g. tanh"
            )
        _check_carry(start, decision.carry)
        for name, a in decision.record.items():
            if np.ndim(a) != 2 or np.shape(a)[0] != _BATCH:
                raise PluginError(f"record {name!r} has shape {np.shape(a)}, expected ({_BATCH}, n): (batch, unit)")
    first, second = (np.asarray(case.act(controller).action) for _ in range(2))
    if not np.array_equal(first, second):
        raise PluginError("acts twice, with key None, in two ways; leave chance out where there is no key")
    turned = jax.tree.map(lambda a: a[::-1], case.seen)
    mirrored = jax.jit(lambda v, o, c: controller.act(v, o, c, None).action)(controller.variables, turned, start)
    if not np.allclose(np.asarray(mirrored)[::-1], first, rtol=0, atol=1e-5):
        raise PluginError("what one of a batch does depends on the others; treat each row alone")
    for name, size in controller.inputs.items():
        moved = case.act(controller, None, **{name: jnp.zeros((_BATCH, size))})
        if np.shape(moved.action) != (_BATCH, joints):
            raise PluginError(f"with input {name!r} the action has shape {np.shape(moved.action)}")


def _check_carry(start: Any, carry: Any) -> None:
    def shapes(tree: Any) -> str:
        return str(jax.tree.map(lambda a: f"{np.asarray(a).dtype}{list(np.shape(a))}", tree))

    if str(jax.tree.structure(start)) != str(jax.tree.structure(carry)) or shapes(start) != shapes(carry):
        raise PluginError(
            f"carry turns from {shapes(start)} (start) into {shapes(carry)} (act); keep structure, shapes and types"
        )


def _same(a: Any, b: Any, rtol: float = 0.0, atol: float = 0.0) -> bool:
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.allclose(x, y, rtol=rtol, atol=atol, equal_nan=True) for x, y in pairs)


CHECKS: dict[str, Callable[[PolicyCase], None]] = {
    "presets": check_presets,
    "contract": check_contract,
    "acts": check_acts,
    "trains": check_trains,
    "saved and loaded": check_loads,
}
"""In the order in which they find out what is wrong."""


def policy_checks() -> dict[str, Callable[[Any, Plugins], None]]:
    """Name of each check of a policy → ``check(record, plugins)``; they share one training."""
    cases: dict[int, PolicyCase] = {}

    def bind(check: Callable[[PolicyCase], None]) -> Callable[[Any, Plugins], None]:
        def run(record: Any, plugins: Plugins) -> None:
            check(cases.setdefault(id(record), PolicyCase(record, plugins)))

        run.__doc__ = check.__doc__
        return run

    return {name: bind(check) for name, check in CHECKS.items()}
