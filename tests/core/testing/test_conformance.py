"""The conformance checks pass what is right and name what is wrong."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import attrs
import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from where import SHARED_DATA

from mimic_core import (
    Actuation,
    ActuationSpec,
    AnalysisSpec,
    Body,
    BodyModel,
    BodySpec,
    CommandSpec,
    FormatSpec,
    GeneratorSpec,
    ObservationSpec,
    PluginError,
    ReaderSpec,
    ReferenceClips,
    RewardSpec,
    SimulatorSpec,
    Term,
    TerminationSpec,
)
from mimic_core.chain import discover
from mimic_core.plugins.manager import Provided
from mimic_core.testing import (
    check_component,
    random_step,
    step_at_rest,
    step_on_reference,
    toy_body,
    toy_model,
    toy_records,
)
from mimic_core.testing.checks.every import check_settings

LIGHT = tuple(
    "body actuation importer reader emg_reader format generator registration reward observation termination "
    "task perturbation report executor logger display stage record".split()
)


@pytest.fixture(scope="module")
def model(plugins):
    return toy_model(plugins)


def rodent_from_file(spec: BodySpec, folder: Path) -> BodySpec:
    """The rat, described with the model in the shared data."""
    file = SHARED_DATA / "rodent" / "rodent.xml"
    if not file.is_file():
        pytest.skip(f"the rat's model is not here: neither dm_control nor {file}")
    lines = spec.description.read_text(encoding="utf-8").splitlines(keepends=True)
    described = folder / "rodent.toml"
    described.write_text("".join(f'model = "{file}"\n' if x.startswith("model =") else x for x in lines))
    return attrs.evolve(spec, description=described)


def quick_or_not(provided: Provided) -> Any:
    """Of kinds that are dear to check one stands for all; the tests beside each plugin try the others."""
    dear = ("reward", "observation", "termination", "generator", "registration", "executor")
    stands = ("joint", "proprioception", "keypoint_error", "reaches")
    marks = [pytest.mark.conformance] if provided.kind in dear and provided.name not in stands else []
    return pytest.param(provided.kind, provided.name, marks=marks)


@pytest.mark.parametrize(("kind", "name"), [quick_or_not(p) for p in discover().provided() if p.kind in LIGHT])
def test_built_in_components_conform(plugins, kind, name, tmp_path):
    provided = plugins.provider(kind, name)
    if name == "rodent" and importlib.util.find_spec("dm_control") is None:
        provided = attrs.evolve(provided, record=rodent_from_file(provided.record, tmp_path))
    passed = check_component(provided, plugins)
    assert passed[:2] == ["settings", "summary"]
    assert len(passed) > 2


@pytest.mark.conformance
@pytest.mark.parametrize("name", [p.name for p in discover().provided("policy")])
def test_built_in_policies_conform(plugins, name):
    assert check_component(plugins.provider("policy", name), plugins)[2:] == [
        "presets",
        "contract",
        "acts",
        "trains",
        "saved and loaded",
    ]


@pytest.mark.conformance
@pytest.mark.parametrize("name", [p.name for p in discover().provided("analysis")])
def test_built_in_analyses_conform(plugins, name):
    (remark,) = check_component(plugins.provider("analysis", name), plugins)[2:]
    made = {kind for kind in toy_records(plugins)}
    reads = {r.kind for r in plugins.get("analysis", name).reads if not r.optional}
    expected = "synthetic records" if reads <= made else "synthetic records (not tried: there are no synthetic "
    assert remark.startswith(expected) and ("not tried" in remark) == (not reads <= made)


def test_the_c_engine_conforms(plugins):
    assert check_component(plugins.provider("simulator", "mujoco"), plugins) == [
        "settings",
        "summary",
        "simulation",
        "forces",
    ]


@pytest.mark.conformance
def test_every_engine_conforms(plugins):
    for provided in plugins.provided("simulator"):
        passed = check_component(provided, plugins)
        assert ("gradient" in passed) == provided.record.differentiable


# -- steps ----------------------------------------------------------------------------------------------------


def test_random_step_is_one_state_of_the_body(model):
    """Keypoints, forces and lengths are what MuJoCo gives for the step's own angles."""
    step = random_step(model, 5)
    data = mujoco.MjData(model.mj_model)
    data.qpos[model.joint_qposadr], data.qvel[model.joint_dofadr] = step.joint_pos, step.joint_vel
    data.act[:] = step.activation
    mujoco.mj_forward(model.mj_model, data)
    np.testing.assert_allclose(step.site_pos, data.site_xpos[model.keypoint_site_ids], atol=1e-7)
    np.testing.assert_allclose(step.muscle_length, data.actuator_length, rtol=1e-5)
    np.testing.assert_allclose(step.muscle_velocity, data.actuator_velocity, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(step.muscle_force, -data.actuator_force, rtol=1e-4)
    np.testing.assert_allclose(step.joint_force, data.qfrc_actuator, rtol=1e-3, atol=1e-9)
    assert (step.muscle_force > 0).all()
    assert ((step.joint_pos >= model.joint_range[:, 0]) & (step.joint_pos <= model.joint_range[:, 1])).all()
    assert step.future.joint_pos.shape == (3, 2) and step.root_pos is None
    assert random_step(model, 5, window=7).future.site_pos.shape == (7, 3, 3)


def test_steps_are_reproducible_and_differ_by_key(model):
    same = jax.tree.map(lambda a, b: bool((a == b).all()), random_step(model, 1), random_step(model, 1))
    assert all(jax.tree.leaves(same))
    assert not np.allclose(random_step(model, 1).joint_pos, random_step(model, 2).joint_pos)
    key = jax.random.key(3)
    np.testing.assert_array_equal(random_step(model, key).joint_pos, random_step(model, key).joint_pos)


def test_rest_and_perfect_tracking(model):
    rest = step_at_rest(model)
    for name in ("joint_vel", "joint_force", "activation", "excitation", "previous_excitation", "muscle_force", "time"):
        assert not np.any(getattr(rest, name)), name
    for step in (rest, step_on_reference(model)):
        for name in ("joint_pos", "joint_vel", "site_pos"):
            np.testing.assert_array_equal(getattr(step, name), getattr(step.ref, name))
            np.testing.assert_array_equal(getattr(step, name), getattr(step.future, name)[1])
    assert np.any(step_on_reference(model).joint_vel)


def test_step_of_a_body_with_a_free_root_and_no_actuators():
    body = Body(
        name="float",
        keypoints={"a": "a", "b": "b"},
        mjcf="""
        <mujoco><worldbody><body name="trunk"><freejoint name="root"/><geom size="0.1"/><site name="a"/>
        <body><joint name="hinge"/><geom size="0.1"/><site name="b" pos="1 0 0"/></body></body></worldbody></mujoco>""",
    )
    step = random_step(BodyModel.compile(body), 0)
    assert step.root_pos.shape == (3,) and step.future.root_quat.shape == (3, 4)
    assert np.linalg.norm(step.root_quat) == pytest.approx(1.0, abs=1e-6)
    assert step.joint_pos.shape == (1,) and step.activation.shape == (0,)


# -- terms that break a promise -------------------------------------------------------------------------------


def refused(plugins, kind, record) -> str:
    with pytest.raises(PluginError) as e:
        check_component(Provided(kind, record.name, record, "lab:terms"), plugins)
    message = str(e.value)
    assert message.startswith(f"{kind} {record.name} (lab:terms): check '") and "\n" not in message
    return message.split("(lab:terms): ", 1)[1]


def reward(build, **kwargs):
    return RewardSpec(name="mine", summary="a test", build=lambda config, model: build, **kwargs)


_calls = []

BAD_REWARDS = {
    "vector": (lambda s: s.joint_pos, "check 'shape' failed: returns shape (2,) at a random step; return a scalar"),
    "one entry": (lambda s: s.joint_pos[:1], "check 'shape' failed: returns shape (1,)"),
    "whole number": (lambda s: 3, "check 'shape' failed: returns int32"),
    "no function": (3.0, "check 'shape' failed: build returns float; return a function of the step"),
    "norm at rest": (
        lambda s: jnp.linalg.norm(s.joint_vel),
        "its gradient with respect to joint_vel is not finite at rest",
    ),
    "norm of the error": (
        lambda s: -jnp.linalg.norm(s.joint_pos - s.ref.joint_pos),
        "its gradient with respect to joint_pos is not finite at rest",
    ),
    "quotient": (lambda s: (s.excitation / s.activation).sum(), "gives nan at rest; guard divisions"),
    "numpy": (lambda s: np.exp(np.asarray(s.joint_pos)).sum(), "compute with jax.numpy"),
    "branch": (lambda s: 1.0 if s.joint_pos[0] > 0 else 0.0, "branch with jnp.where instead of if"),
    "by position": (lambda s: s[0].sum(), "check 'fields by name' failed"),
    "already compiled": (jax.jit(lambda s: s.joint_pos.sum()), "return a plain function: the core compiles it"),
    "counter": (lambda s: s.joint_pos.sum() * 0.0 + len(_calls.append(1) or _calls), "another value"),
    "raises": (lambda s: s.joint_position.sum(), "joint_position"),
}


@pytest.mark.parametrize(("built", "said"), BAD_REWARDS.values(), ids=BAD_REWARDS)
def test_bad_reward(plugins, built, said):
    assert said in refused(plugins, "reward", reward(built))


def memory_term(init, step):
    return reward(Term(init=init, step=step))


def test_term_with_memory(plugins):
    jerk = memory_term(lambda: jnp.zeros(2), lambda m, s: (s.joint_vel, ((s.joint_vel - m) ** 2).sum()))
    assert "memory" in check_component(Provided("reward", "mine", jerk, "lab:terms"), plugins)


@pytest.mark.parametrize(
    ("init", "step", "said"),
    [
        (lambda: jnp.zeros(2), lambda m, s: (m[:1], 0.0 * s.time), "memory changes from float32[2] to float32[1]"),
        (lambda: (), lambda m, s: ((s.time,), 0.0 * s.time), "memory changes its structure"),
        (lambda: 0, lambda m, s: (m + s.time, 0.0 * s.time), "memory changes from int32[] to float32[]"),
        (lambda: jnp.zeros(2), lambda m, s: (s.joint_vel, jnp.linalg.norm(s.joint_vel - m)), "is not finite at rest"),
    ],
)
def test_bad_memory(plugins, init, step, said):
    assert said in refused(plugins, "reward", memory_term(init, step))


@pytest.mark.parametrize(
    ("built", "said"),
    [
        (lambda s: s.joint_pos.sum(), "returns shape () at a random step; return a 1-D array"),
        (lambda s: s.future.joint_pos, "returns shape (3, 2)"),
        (lambda s: s.joint_vel / jnp.linalg.norm(s.joint_vel), "gives [nan, nan] at rest"),
        (Term(init=lambda: (), step=lambda m, s: (m, s.joint_pos)), "only reward terms have memory"),
    ],
)
def test_bad_observation(plugins, built, said):
    record = ObservationSpec(name="mine", summary="a test", role="proprioception", build=lambda config, model: built)
    assert said in refused(plugins, "observation", record)


@pytest.mark.parametrize(
    ("built", "said"),
    [
        (lambda s: s.time, "returns float32 at a random step; return a truth value"),
        (lambda s: s.joint_pos > 1, "returns shape (2,)"),
    ],
)
def test_bad_termination(plugins, built, said):
    record = TerminationSpec(name="mine", summary="a test", build=lambda config, model: built)
    assert said in refused(plugins, "termination", record)


def test_constant_terms_conform(plugins):
    assert check_component(Provided("reward", "alive", reward(lambda step: 1.0), "lab:terms"), plugins)
    never = TerminationSpec(name="never", summary="a test", build=lambda config, model: lambda step: False)
    assert check_component(Provided("termination", "never", never, "lab:terms"), plugins)


def needing(joint):
    def build(config, model):
        at = model.joint(joint)
        return lambda step: step.joint_pos[at]

    return RewardSpec(name="mine", summary="a test", build=build)


@pytest.mark.conformance
def test_term_that_refuses_the_toy_body_is_tried_on_the_installed_ones(plugins):
    forelimb = BodyModel.compile(plugins.default("body").make(None))
    joint = next(name for name in forelimb.joint_names if name not in toy_model(plugins).joint_names)
    assert check_component(Provided("reward", "mine", needing(joint), "lab:terms"), plugins)
    said = refused(plugins, "reward", needing("tail"))
    assert "it accepts no body that is here (toy: body toy: no joint 'tail'" in said
    # the default body is tried too; others may need a file
    assert f"body {forelimb.body.name}: no joint 'tail'" in said


# -- settings, summary and the rest ---------------------------------------------------------------------------


@attrs.frozen
class NoDefault:
    scale: float


@attrs.frozen
class Contradiction:
    scale: int = 0.5  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (NoDefault, "setting 'scale' has no default"),
        (
            Contradiction,
            "default settings are not accepted when read back (mine.scale: must be a whole number, got 0.5)",
        ),
    ],
)
def test_bad_settings(plugins, config, said):
    assert said in refused(plugins, "reward", reward(lambda s: s.time, config=config))


def test_settings_check_needs_no_plugins():
    check_settings(reward(lambda s: s.time))


@pytest.mark.parametrize("summary", ["", "  ", "two\nlines"])
def test_bad_summary(plugins, summary):
    record = RewardSpec(name="mine", summary=summary, build=lambda config, model: lambda s: s.time)
    assert "check 'summary' failed" in refused(plugins, "reward", record)


def body_spec(**changes):
    variants = changes.pop("variants", {})
    return BodySpec(
        name="mine",
        summary="a test",
        variants=variants,
        build=lambda config, variant: attrs.evolve(toy_body(), **changes),
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (body_spec(mjcf="<mujoco><worldbody/></mujoco>", keypoints={}, muscles=()), "has no hinge or slide joint"),
        (
            body_spec(keypoints={"hand": "hnad"}),
            "is at site 'hnad', which the skeleton does not have; did you mean hand",
        ),
        (body_spec(keypoints={"hand": "hand"}), "at fewer than two places"),
        (body_spec(muscles=()), "check 'driven' failed: body toy: no installed actuation can drive it"),
        (body_spec(mjcf="<mujoco><nonsense/></mujoco>"), "check 'compiles' failed"),
        (BodySpec(name="mine", summary="a test", build=lambda config, variant: "a body"), "build returns str"),
    ],
)
def test_bad_body(plugins, spec, said):
    assert said in refused(plugins, "body", spec)


def test_every_variant_of_a_body_is_tried(plugins):
    def build(config, variant):
        return attrs.evolve(toy_body(), keypoints={} if variant == "second" else toy_body().keypoints)

    spec = BodySpec(name="mine", summary="a test", build=build, variants={"first": "", "second": ""})
    assert "has keypoints none" in refused(plugins, "body", spec)


def actuation(names=("flexor",), low=0.0, high=1.0, kind=Actuation):
    def apply(spec):
        spec.add_actuator(name="flexor", target="elbow", trntype=mujoco.mjtTrn.mjTRN_JOINT)

    return ActuationSpec(
        name="mine",
        summary="a test",
        build=lambda config, body: kind(name="mine", actuators=names, low=low, high=high, apply=apply),
    )


class Lopsided(Actuation):
    def excitation(self, action):
        return action


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            actuation(names=("flexor", "extensor")),
            "its actuators are flexor, extensor, but the compiled body has flexor;",
        ),
        (actuation(low=1.0, high=1.0), "low must be < high"),
        (actuation(kind=Lopsided), "action -1 becomes excitation -1, expected 0"),
    ],
)
def test_bad_actuation(plugins, spec, said):
    assert said in refused(plugins, "actuation", spec)


class Silent:
    def write(self, record, path):
        pass


class Forgetful:
    def write(self, record, path):
        record.save(path)

    def read(self, paths, body):
        clips = ReferenceClips.load(paths[0])
        return attrs.evolve(clips, qpos=0 * clips.qpos)


@pytest.mark.parametrize(
    ("kind", "record", "said"),
    [
        ("reader", ReaderSpec(name="mine", summary="a test", suffixes=("CSV",), build=lambda c: print), "has 'CSV'"),
        (
            "reader",
            ReaderSpec(name="mine", summary="a test", suffixes=(".a",), build=lambda c: None),
            "returns NoneType",
        ),
        ("analysis", AnalysisSpec(name="mine", summary="a test", build=lambda c: 1 / 0), "it raises ZeroDivisionError"),
        (
            "format",
            FormatSpec(name="mine", summary="a test", suffixes=(".x",), build=lambda c: Silent()),
            "write leaves no file at toy.x",
        ),
        (
            "format",
            FormatSpec(name="mine", summary="a test", suffixes=(".h5",), reads=True, build=lambda c: Forgetful()),
            "qpos of the toy body is not the same when it was written and read",
        ),
        ("command", CommandSpec(name="mine", summary="a test", function=3), "function is 3"),
        ("generator", GeneratorSpec(name="mine", summary="a test", build=lambda c, m, seed: dict), "makes dict"),
    ],
)
def test_bad_others(plugins, kind, record, said):
    assert said in refused(plugins, kind, record)


# -- engines that break a promise, made from one that keeps them ----------------------------------------------


def engine(plugins, **methods):
    true = plugins.get("simulator", "mujoco")

    def build(config, model, control_dt, differentiable):
        inner = true.build(true.config(), model, control_dt, differentiable)

        class Changed:
            def __getattr__(self, name):
                return getattr(inner, name)

        for name, change in methods.items():
            setattr(Changed, name, change(inner))
        return Changed()

    return SimulatorSpec(name="mine", summary="a test", build=build, rank={})


def after(change):
    return lambda inner: lambda self, state, excitation: change(inner.step(state, excitation))


BAD_ENGINES = {
    "time": ({"step": after(lambda s: s._replace(time=s.time + 0.01))}, "advances time by"),
    "not finite": ({"step": after(lambda s: s._replace(qvel=s.qvel / 0.0))}, "the state is not finite in qvel"),
    "coupled": (
        {"step": lambda inner: lambda self, s, e: inner.step(s, jnp.broadcast_to(e.mean(0), e.shape))},
        "driving one body of a batch moves the others",
    ),
    "other rate": ({"control_dt": lambda inner: 0.1}, "control steps of 0.0025 s but says control_dt is 0.1"),
    "reads less": (
        {"read": lambda inner: lambda self, s, f: inner.read(s, f)._replace(muscle_force=None)},
        "what it reads has nothing for muscle_force",
    ),
}


@pytest.mark.parametrize(("methods", "said"), BAD_ENGINES.values(), ids=BAD_ENGINES)
def test_bad_engine(plugins, methods, said):
    assert said in refused(plugins, "simulator", engine(plugins, **methods))


def test_unchanged_engine_conforms(plugins):
    record = engine(plugins)
    assert "simulation" in check_component(Provided("simulator", "mine", record, "lab:terms"), plugins)
