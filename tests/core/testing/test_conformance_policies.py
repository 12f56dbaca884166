"""The checks of policies pass one that keeps its contract, and name what is wrong with one that does not."""

from __future__ import annotations

import attrs
import jax
import jax.numpy as jnp
import pytest

from mimic_core import Controller, Decision, NoSettings, PluginError, PolicySpec
from mimic_core.plugins.manager import Provided
from mimic_core.testing import PolicyConformance, check_component
from mimic_core.testing.checks.policies import CHECKS, PolicyCase


@attrs.frozen
class Size:
    step: float = attrs.field(default=0.1, validator=attrs.validators.gt(0))


class Nudge:
    """Gives every action a value that wanders; each of two hidden units is half of it."""

    iterations = 5

    def __init__(self, config, task):
        self.config, self.task = config, task

    def control_steps(self, iteration):
        return 3 * iteration

    def initial(self, seed):
        return {"bias": jnp.zeros(self.task.action_size), "key": jax.random.key(seed)}

    def iterate(self, state):
        key, use = jax.random.split(state["key"])
        return {"bias": state["bias"] + 0.1 * jax.random.normal(use, state["bias"].shape), "key": key}, {"reward": 0.5}

    def start(self, batch):
        return jnp.zeros((batch, 1))

    def act(self, bias, observation, carry, key, push=None):
        action = jnp.tanh(bias + 0.01 * observation.proprioception[:, :1])
        if key is not None:
            action = jnp.clip(action + 0.1 * jax.random.normal(key, action.shape), -1, 1)
        return Decision(action, carry + 1, {"layer/half": 0.5 * jnp.tile(action[:, :1], (1, 2))})

    def controller(self, state):
        return Controller(variables=state["bias"], start=self.start, act=self.act, inputs={"push": 2})


def policy(kind=Nudge, **more):
    given = {"name": "mine", "summary": "a test", "config": NoSettings, "build": kind}
    return PolicySpec(**{**given, **more})


class TestNudge(PolicyConformance):
    spec = policy(config=Size, presets={"large": {"policy": {"step": 0.5}}})
    config = Size(step=0.2)


def test_the_checks_by_name(plugins):
    passed = check_component(Provided("policy", "mine", policy(), "lab:policies"), plugins)
    assert passed == ["settings", "summary", *CHECKS]


def odd(**methods):
    return type("Odd", (Nudge,), methods)


def deciding(**changed):
    """A policy whose decisions have something changed: name → function of the decision."""

    def act(self, *args, **kwargs):
        decision = Nudge.act(self, *args, **kwargs)
        return decision._replace(**{k: f(decision) for k, f in changed.items()})

    return odd(act=act)


class Remembers(Nudge):
    """Learns something outside its state."""

    def __init__(self, config, task):
        super().__init__(config, task)
        self.mean = float(task.reference.qpos[0].mean())

    def act(self, bias, observation, carry, key, push=None):
        return super().act(bias + self.mean, observation, carry, key)


class Draws(Nudge):
    """Draws from a generator of its own."""

    compiled = False
    drawn = 0

    def iterate(self, state):
        Draws.drawn += 1
        return {**state, "bias": state["bias"] + 0.1 * Draws.drawn}, {"reward": 0.5}


BAD = {
    "nothing": ("contract", lambda config, task: object(), "without iterations, control_steps, initial, iterate"),
    "iterations": ("contract", odd(iterations=0), "with iterations 0; give a whole number, at least 1"),
    "steps": (
        "contract",
        odd(control_steps=lambda self, i: min(i, 2)),
        "control_steps gives 0 after 0, 1 after 1, 2 after 2",
    ),
    "steps from the start": ("contract", odd(control_steps=lambda self, i: i + 1), "begin with 0"),
    "shape": ("acts", deciding(action=lambda d: d.action[:, :1]), "has shape (3, 1), expected (3, 2)"),
    "range": ("acts", deciding(action=lambda d: 2 + d.action), "keep it in [-1, 1]"),
    "record": ("acts", deciding(record=lambda d: {"sum": d.action.sum()}), "record 'sum' has shape ()"),
    "carry": ("acts", deciding(carry=lambda d: d.carry[:, 0]), "carry turns from float32[3, 1] (start)"),
    "batch": ("acts", deciding(action=lambda d: jnp.tanh(jnp.cumsum(d.action, 0))), "depends on the others"),
    "input": ("acts", odd(act=lambda self, v, o, c, key: Nudge.act(self, v, o, c, key)), "push"),
    "metrics": ("trains", odd(iterate=lambda self, s: (s, {"loss": 1.0})), "without 'reward'"),
    "learns nothing": (
        "trains",
        odd(iterate=lambda self, s: (s, {"reward": 1.0})),
        "as they were; return what was learned",
    ),
    "not repeatable": ("trains", Draws, "the same seed gives another controller"),
    "not finite": (
        "trains",
        odd(iterate=lambda self, s: (s, {"reward": jnp.nan * s["bias"].sum()})),
        "reward is not finite",
    ),
    "not in the state": ("saved and loaded", Remembers, "loaded into a task with other clips, it acts otherwise"),
}


QUICK = ("nothing", "range", "learns nothing", "not in the state")
"""One fault for each check; the others guard training."""


@pytest.mark.parametrize(
    ("check", "kind", "said"),
    [pytest.param(*bad, id=n, marks=[] if n in QUICK else pytest.mark.conformance) for n, bad in BAD.items()],
)
def test_bad_policy(plugins, check, kind, said):
    with pytest.raises(PluginError) as e:
        check_component(Provided("policy", "mine", policy(kind), "lab:policies"), plugins)
    message = str(e.value)
    assert message.startswith(f"policy mine (lab:policies): check '{check}' failed: ") and "\n" not in message
    assert said in message


def test_chance_without_a_key(plugins):
    calls = []

    def act(self, *args, **kwargs):
        calls.append(1)  # as a generator outside the program would: another draw whenever the program is made
        return Nudge.act(self, *args, **kwargs)._replace(action=jnp.full((3, 2), 0.01 * len(calls)))

    case = PolicyCase(policy(odd(act=act)), plugins)
    with pytest.raises(PluginError, match="acts twice, with key None, in two ways"):
        CHECKS["acts"](case)


def test_bad_preset(plugins):
    spec = policy(config=Size, presets={"large": {"policy": {"stp": 0.5}}})
    with pytest.raises(PluginError, match=r"check 'presets' failed: policy.stp: unknown setting; did you mean step"):
        check_component(Provided("policy", "mine", spec, "lab:policies"), plugins)
