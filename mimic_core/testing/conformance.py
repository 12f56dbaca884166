"""Checking that a component does what its kind promises: what ``mimic plugins check`` and `mimic_core.testing` run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core.body.body import Body, BodySpec
from mimic_core.body.model import BodyModel
from mimic_core.config import structure, unstructure
from mimic_core.errors import ConfigError, MimicError, PluginError
from mimic_core.files import to_json
from mimic_core.plugins.component import ComponentSpec
from mimic_core.records.clips import ReferenceClips
from mimic_core.testing.perturbations import check_perturbation
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_core.testing.steps import floating_model

if TYPE_CHECKING:
    from mimic_core.plugins.manager import Plugins, Provided

Check = Callable[[Any, "Plugins"], None]


def check_component(provided: Provided, plugins: Plugins) -> list[str]:
    """Check one component and return the names of the checks that it passed.

    Terms and engines are tried on the toy body (`mimic_core.testing.toy`) with the default actuation; a term that
    refuses the toy body is tried on the installed bodies.

    Raises:
        PluginError: a check failed; one line with the check, what was found, and the mend.
    """
    passed = []
    for name, check in checks(provided.kind, provided.record).items():
        with _reported(provided, name):
            check(provided.record, plugins)
        passed.append(name)
    return passed


def checks(kind: str, record: Any) -> dict[str, Check]:
    """Name of each check of a component → ``check(record, plugins)``, which raises where it fails."""
    if kind == "command":
        return {"summary": check_summary, "function": _check_command}
    found: dict[str, Check] = {"settings": check_settings, "summary": check_summary}
    own = _OWN.get(kind, {})
    found |= _term_checks(kind) if kind in ("reward", "observation", "termination") else own
    if kind == "simulator" and record.differentiable:
        found["gradient"] = _check_gradient
    if kind == "simulator" and record.forces:
        found["forces"] = _check_forces
    return found


@contextlib.contextmanager
def _reported(provided: Provided, check: str) -> Iterator[None]:
    who = f"{provided.kind} {provided.name} ({provided.plugin}): check '{check}' failed"
    try:
        yield
    except MimicError as e:
        raise PluginError(f"{who}: {e}") from e
    # Whatever a plugin's code raises is a finding.
    except Exception as e:
        said = f"{type(e).__name__}: {' '.join(str(e).split())}"[:300]
        raise PluginError(
            f"{who}: it raises {said}; run 'mimic --debug plugins check {provided.plugin}' for "
            "the place, and mend it there"
        ) from e


# -- every kind -----------------------------------------------------------------------------------------------


def check_settings(record: ComponentSpec, plugins: Plugins | None = None) -> None:
    """The settings have defaults that their own validators accept, and survive being written and read."""
    for f in attrs.fields(record.config):
        if f.default is attrs.NOTHING:
            raise PluginError(f"setting {f.name!r} has no default; give it one, so that the name alone is enough")
    config = record.config()
    try:
        again = structure(unstructure(config), record.config, record.name)
    except ConfigError as e:
        raise PluginError(
            f"the default settings are not accepted when read back ({e}); make defaults, types and validators agree"
        ) from e
    if again != config:
        raise PluginError(
            f"the settings {config} come back as {again}; use plain types: numbers, text, tuples, "
            "tables and attrs classes"
        )


def check_summary(record: Any, plugins: Plugins | None = None) -> None:
    """The summary is one line of text."""
    if not isinstance(record.summary, str) or not record.summary.strip() or "\n" in record.summary:
        raise PluginError(f"summary is {record.summary!r}; say in one line what it is, for 'mimic plugins list'")


def _check_command(record: Any, plugins: Plugins) -> None:
    import typer

    if not callable(record.function) and not isinstance(record.function, typer.Typer):
        raise PluginError(f"function is {record.function!r}; give a function or a typer.Typer")


# -- terms ----------------------------------------------------------------------------------------------------


def _term_checks(kind: str) -> dict[str, Check]:
    from mimic_core.testing.terms import CHECKS

    named = {name: check for name, check in CHECKS.items() if kind == "reward" or name != "memory"}
    built: dict[int, Any] = {}

    def bind(check: Callable[[Any], None]) -> Check:
        def run(record: Any, plugins: Plugins) -> None:
            if id(record) not in built:
                built[id(record)] = term_case(kind, record, plugins)
            check(built[id(record)])

        return run

    return {name: bind(check) for name, check in named.items()}


def term_case(kind: str, record: Any, plugins: Plugins, config: Any = None) -> Any:
    """Build a reward, observation or termination on the first body that it accepts, the toy body before others.

    Raises:
        PluginError: it accepts neither the toy body nor any installed one.
    """
    from mimic_core.testing.terms import TermCase

    refusals = []
    for model in _models(plugins):
        case = TermCase(kind, record, record.config() if config is None else config, model)
        try:
            _ = case.built
        except ConfigError as e:
            refusals.append(f"{model.body.name}: {e}")
            continue
        return case
    raise PluginError(f"it accepts no body that is here ({'; '.join(refusals)}); install a body that it is meant for")


def _models(plugins: Plugins) -> Iterator[BodyModel]:
    from mimic_core.chain.choose import built_body
    from mimic_core.testing.steps import toy_model

    yield toy_model(plugins)
    yield floating_model(plugins)
    for spec in plugins.all("body"):
        for actuation in _actuations(plugins):
            with contextlib.suppress(ConfigError):  # it may need a file, or another actuation
                body = built_body(plugins, spec)
                yield BodyModel.compile(body, actuation.build(actuation.config(), body))
                break


def _actuations(plugins: Plugins) -> list[Any]:
    """Every actuation, the default one first."""
    return sorted(plugins.all("actuation"), key=lambda s: not s.default)


# -- bodies and what drives them ------------------------------------------------------------------------------


def _bodies(record: BodySpec, plugins: Plugins | None) -> Iterator[Body]:
    from mimic_core.chain.choose import built_body
    from mimic_core.chain.installed import installed

    for variant in record.variants or (None,):
        yield built_body(plugins or installed(), record, variant)


def check_body_compiles(record: BodySpec, plugins: Plugins | None = None) -> None:
    """Every variant compiles, with at least one joint that moves, and its keypoints' sites are in the skeleton."""
    for body in _bodies(record, plugins):
        if not isinstance(body, Body):
            raise PluginError(f"build returns {type(body).__name__}; return a mimic_core.Body")
        model = BodyModel.compile(body)
        if not model.joint_names:
            raise PluginError(f"body {body.name}: has no hinge or slide joint; nothing could move it")


def check_body_keypoints(record: BodySpec, plugins: Plugins | None = None) -> None:
    """Every variant has the two keypoints, at different places, that a registration needs at least."""
    import mujoco

    for body in _bodies(record, plugins):
        model = BodyModel.compile(body)
        data = mujoco.MjData(model.mj_model)
        mujoco.mj_kinematics(model.mj_model, data)
        if len(np.unique(data.site_xpos[model.keypoint_site_ids].round(9), axis=0)) < 2:
            raise PluginError(
                f"body {body.name}: has keypoints {', '.join(body.keypoints) or 'none'} at fewer than "
                "two places; name at least two sites as keypoints"
            )


def check_body_saves(record: BodySpec, plugins: Plugins | None = None) -> None:
    """A body comes back the same from a file, as every clip file and checkpoint needs it."""
    for body in _bodies(record, plugins):
        again = structure(json.loads(json.dumps(to_json(body))), Body, f"body {body.name}")
        if again != body:
            odd = [f.name for f in attrs.fields(Body) if getattr(again, f.name) != getattr(body, f.name)]
            raise PluginError(
                f"body {body.name}: {', '.join(odd)} change when it is saved and read; use plain "
                "numbers, text and tuples"
            )


def check_body_driven(record: BodySpec, plugins: Plugins) -> None:
    """At least one installed actuation can drive every variant."""
    for body in _bodies(record, plugins):
        refusals = []
        for spec in _actuations(plugins):
            try:
                if BodyModel.compile(body, spec.build(spec.config(), body)).actuator_names:
                    break
            except ConfigError as e:
                refusals.append(f"{spec.name}: {e}")
        else:
            raise PluginError(
                f"body {body.name}: no installed actuation can drive it ({'; '.join(refusals)}); give it "
                "muscles or torque_limits"
            )


def _check_actuators(record: Any, plugins: Plugins) -> None:
    from mimic_core.testing.toy import toy_body

    body = toy_body()
    actuation = record.build(record.config(), body)
    model = BodyModel.compile(body, actuation)
    if tuple(actuation.actuators) != model.actuator_names:
        said, has = (", ".join(names) or "none" for names in (actuation.actuators, model.actuator_names))
        raise PluginError(
            f"says its actuators are {said}, but the compiled body has {has}; "
            "name all that apply() adds, in the same order"
        )
    if not model.actuator_names:
        raise PluginError("adds no actuator to the toy body; let apply() add at least one")


def _check_excitation(record: Any, plugins: Plugins) -> None:
    from mimic_core.testing.toy import toy_body

    actuation = record.build(record.config(), toy_body())
    if not actuation.low < actuation.high:
        raise PluginError(f"bounds of excitation are {actuation.low} and {actuation.high}; low must be < high")
    for action, bound in ((-1.0, actuation.low), (1.0, actuation.high)):
        found = float(actuation.excitation(action))
        if abs(found - bound) > 1e-9:
            raise PluginError(
                f"action {action:g} becomes excitation {found:g}, expected {bound:g}; "
                "map actions from [-1, 1] to [low, high]"
            )


# -- engines --------------------------------------------------------------------------------------------------


def _check_simulation(record: Any, plugins: Plugins) -> None:
    """Reset, three steps and a reading on the toy body: shapes, finite numbers, time, no hidden state."""
    import jax

    from mimic_core.physics.simulator import Readings
    from mimic_core.testing.steps import random_step, toy_model

    model = toy_model(plugins)
    dt = 2 * float(model.mj_model.opt.timestep)
    simulator = record.build(record.config(), model, dt, False)
    if abs(simulator.control_dt - dt) > 1e-9:
        raise PluginError(
            f"was built for control steps of {dt:g} s but says control_dt is {simulator.control_dt:g} s; "
            "keep the control_dt that build is given"
        )
    views = [random_step(model, key) for key in range(3)]
    qpos = np.tile(model.mj_model.qpos0, (3, 1)).astype(np.float32)
    qpos[:, model.joint_qposadr] = [v.joint_pos for v in views]
    qvel = np.zeros((3, model.mj_model.nv), np.float32)
    activation, excitation = (np.stack([getattr(v, name) for v in views]) for name in ("activation", "excitation"))
    state, step = jax.jit(simulator.reset)(qpos, qvel, activation), jax.jit(simulator.step)
    for _ in range(3):
        before, state = state, step(state, excitation)
        _numbers("the state", state._asdict())
        late = float(np.abs(np.asarray(state.time) - np.asarray(before.time) - dt).max())
        if late > 1e-6:
            raise PluginError(
                f"a control step of {dt:g} s advances time by {late:g} s more or less; step by control_dt each time"
            )
    again = step(before, excitation)
    if not np.allclose(again.qpos, state.qpos, rtol=0, atol=1e-6):
        raise PluginError("the same state stepped twice gives two results; keep everything that matters in the state")
    other = step(before, excitation * np.array([[1.0], [1.0], [0.5]], np.float32))
    if not np.allclose(other.qpos[:2], state.qpos[:2], rtol=0, atol=1e-6):
        raise PluginError("driving one body of a batch moves the others; keep the bodies of a batch apart")
    joints, muscles = len(model.joint_names), len(model.muscle_names)
    shapes = {
        "joint_force": (3, joints),
        "muscle_force": (3, muscles),
        "muscle_length": (3, muscles),
        "muscle_velocity": (3, muscles),
        "site_pos": (3, len(model.keypoint_names), 3),
        "body_pos": (3, len(model.body_names), 3),
    }
    read = jax.jit(lambda s: simulator.read(s, frozenset(Readings._fields)))(state)._asdict()
    _numbers("what it reads", read, shapes)


def _numbers(what: str, found: dict[str, Any], shapes: dict[str, tuple[int, ...]] | None = None) -> None:
    import jax

    for name, shape in (shapes or {}).items():
        if found[name] is None or np.shape(found[name]) != shape:
            got = "nothing" if found[name] is None else f"shape {np.shape(found[name])}"
            raise PluginError(f"{what} has {got} for {name}, expected shape {shape}; follow mimic_core.Readings")
    for name, v in found.items():
        for leaf in jax.tree.leaves(v):
            if np.issubdtype(np.asarray(leaf).dtype, np.floating) and not np.isfinite(leaf).all():
                raise PluginError(f"{what} is not finite in {name}; check the time step and the units of the body")


def _check_forces(record: Any, plugins: Plugins) -> None:
    """An engine that says it applies forces is moved by one, and by a force of zero as without."""
    import jax

    from mimic_core.testing.steps import toy_model

    model = toy_model(plugins)
    simulator = record.build(record.config(), model, float(model.mj_model.opt.timestep), False)
    at_rest = np.zeros((2, len(model.actuator_names)))
    state = simulator.reset(np.tile(model.mj_model.qpos0, (2, 1)), np.zeros((2, model.mj_model.nv)), at_rest)
    force = np.zeros((2, len(model.body_names), 6), np.float32)
    force[1, -1, :3] = 1e-3
    pushed = jax.jit(simulator.step)(state._replace(force=force), at_rest)
    alone = jax.jit(simulator.step)(state, at_rest)
    if not np.allclose(pushed.qvel[0], alone.qvel[0], rtol=0, atol=1e-6):
        raise PluginError("a force of zero moves the toy body; add SimState.force to what acts on each body anyway")
    if np.allclose(pushed.qvel[1], alone.qvel[1], rtol=0, atol=1e-6):
        raise PluginError("a force does not move the toy body; apply SimState.force in step, or say forces=False")


def _check_gradient(record: Any, plugins: Plugins) -> None:
    """An engine that says it can be differentiated has finite slopes, also at rest."""
    import jax
    import jax.numpy as jnp

    from mimic_core.testing.steps import toy_model

    model = toy_model(plugins)
    simulator = record.build(record.config(), model, float(model.mj_model.opt.timestep), True)
    start = (jnp.asarray(model.mj_model.qpos0, jnp.result_type(float))[None], jnp.zeros((1, model.mj_model.nv)))

    def after(excitation):
        return simulator.step(simulator.reset(*start, excitation), excitation).qvel.sum()

    low = max(model.actuation.low, 0.0)
    slope = jax.jit(jax.grad(after))(jnp.full((1, len(model.actuator_names)), low))
    if not (jnp.isfinite(slope).all() and jnp.abs(slope).max() > 0):
        raise PluginError(
            f"the slope of joint velocity with respect to excitation is {np.asarray(slope).tolist()} at "
            "rest; smooth the body that it steps, or say differentiable=False"
        )


# -- everything else ------------------------------------------------------------------------------------------


def _check_builds(record: Any, plugins: Plugins) -> None:
    built = record.build(record.config())
    if not callable(built):
        raise PluginError(f"build returns {type(built).__name__}; return a function (see {type(record).__name__})")


def _check_suffixes(record: Any, plugins: Plugins) -> None:
    for suffix in record.suffixes or ("",):
        if not suffix.startswith(".") or suffix != suffix.lower():
            raise PluginError(f"suffixes has {suffix!r}; give lower-case file endings with the dot, e.g. '.csv'")


def _check_exchange(record: Any, plugins: Plugins) -> None:
    """A record of its kind is written and, by a format that reads, comes back with the same movements."""
    from tempfile import TemporaryDirectory

    format_ = record.build(record.config())
    given = _movement(plugins) if record.kind == ReferenceClips.KIND else synthetic_rollouts()
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"toy{record.suffixes[0]}"
        format_.write(given, path)
        if not path.is_file() or not path.stat().st_size:
            raise PluginError(f"write leaves no file at {path.name}; write to the path that it is given")
        if not record.reads:
            return
        again = format_.read([path], given.body)
    if not isinstance(again, ReferenceClips):
        raise PluginError(f"read returns {type(again).__name__}; return mimic_core.ReferenceClips")
    for name in ("qpos", "site_pos", "tracked_pos"):
        found, expected = getattr(again, name), getattr(given, name)
        if found.shape != expected.shape or not np.allclose(found, expected, rtol=0, atol=1e-5):
            raise PluginError(f"{name} of the toy body is not the same when it was written and read; keep it to 1e-5")


def _movement(plugins: Plugins) -> ReferenceClips:
    """A clip of the toy body in eight different poses."""
    from mimic_core.testing.steps import random_step, toy_model

    model = toy_model(plugins)
    steps = [random_step(model, key) for key in range(8)]
    qpos = np.tile(model.mj_model.qpos0, (1, len(steps), 1))
    qpos[0][:, model.joint_qposadr] = [s.joint_pos for s in steps]
    sites = np.array([[s.site_pos for s in steps]])
    return attrs.evolve(
        ReferenceClips.standing(model, len(steps)), qpos=qpos, site_pos=sites, tracked_pos=sites + 0.001
    )


def _check_registration(record: Any, plugins: Plugins) -> None:
    from mimic_core.testing.toy import toy_body

    if not callable(record.build(record.config(), toy_body())):
        raise PluginError("build returns no function; return register(keypoints, progress) -> ReferenceClips")


def _check_source(record: Any, plugins: Plugins) -> None:
    from mimic_core.records.keypoints import Keypoints
    from mimic_core.testing.toy import toy_body

    model = BodyModel.compile(toy_body())
    first, second = (record.build(record.config(), model, 0)() for _ in range(2))
    if not isinstance(first, Keypoints):
        raise PluginError(f"makes {type(first).__name__}; return mimic_core.Keypoints")
    unknown = sorted(set(first.names) - set(model.keypoint_names))
    if unknown:
        raise PluginError(f"makes keypoint {unknown[0]!r}, which the body does not have; use model.keypoint_names")
    if not np.array_equal(first.positions, second.positions, equal_nan=True):
        raise PluginError("the same seed gives two recordings; draw every random number from the seed")


def _check_presets(record: Any, plugins: Plugins) -> None:
    from mimic_core.chain.assembly import plan_training

    for preset in record.presets or (None,):
        plan_training({"policy": {"name": record.name}, **({"preset": preset} if preset else {})}, plugins)


_OWN: dict[str, dict[str, Check]] = {
    "body": {
        "compiles": check_body_compiles,
        "keypoints": check_body_keypoints,
        "saved and read": check_body_saves,
        "driven": check_body_driven,
    },
    "actuation": {"actuators": _check_actuators, "excitation": _check_excitation},
    "simulator": {"simulation": _check_simulation},
    "importer": {"builds": _check_builds, "suffixes": _check_suffixes},
    "reader": {"builds": _check_builds, "suffixes": _check_suffixes},
    "format": {"suffixes": _check_suffixes, "written": _check_exchange},
    "analysis": {"builds": _check_builds},
    "report": {"builds": _check_builds},
    "executor": {"builds": _check_builds},
    "registration": {"builds": _check_registration},
    "generator": {"makes keypoints": _check_source},
    "policy": {"presets": _check_presets},
    "perturbation": {"builds": check_perturbation},
}
