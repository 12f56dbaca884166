"""Small bodies, clips and tasks for tests of the core."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import mujoco
import numpy as np

from mimic_core import Body, BodyModel
from mimic_core.records.clips import ReferenceClips
from mimic_core.task.settings import TaskSettings
from mimic_core.task.state import WeightedTerm
from mimic_core.task.step import as_term
from mimic_core.task.task import Task

# jax moved it out of `experimental`
enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


def compile_body(plugins, body: Body, actuation: str = "hill") -> BodyModel:
    spec = plugins.get("actuation", actuation)
    return BodyModel.compile(body, spec.build(spec.config(), body))


def make_simulator(
    plugins, name: str, model: BodyModel, *, control_dt: float = 0.0025, differentiable: bool = False, **settings
):
    spec = plugins.get("simulator", name)
    return spec.build(spec.config(**settings), model, control_dt, differentiable)


def sites(model: BodyModel, qpos: np.ndarray) -> np.ndarray:
    """(…, keypoint, 3) m by MuJoCo in C."""
    data, out = mujoco.MjData(model.mj_model), np.empty((*qpos.shape[:-1], len(model.keypoint_names), 3))
    for at in np.ndindex(*qpos.shape[:-1]):
        data.qpos[:] = qpos[at]
        mujoco.mj_kinematics(model.mj_model, data)
        out[at] = data.site_xpos[model.keypoint_site_ids]
    return out


def clips_of(
    model: BodyModel, movements: Sequence[np.ndarray], rate_hz: float = 200.0, names: Sequence[str] | None = None
) -> ReferenceClips:
    """Reference clips of movements (frame, qpos); keypoints are where the body has them."""
    n_frames = np.array([len(q) for q in movements])
    qpos = np.full((len(movements), n_frames.max(), model.mj_model.nq), np.nan)
    qvel = np.full((len(movements), n_frames.max(), model.mj_model.nv), np.nan)
    for i, q in enumerate(movements):
        qpos[i, : len(q)] = q
        qvel[i, : len(q)] = np.gradient(q, 1 / rate_hz, axis=0) if model.root is None else 0.0
    site_pos = np.full((*qpos.shape[:2], len(model.keypoint_names), 3), np.nan)
    for i, n in enumerate(n_frames):
        site_pos[i, :n] = sites(model, qpos[i, :n])
    return ReferenceClips(
        body=model.body,
        rate_hz=rate_hz,
        clip_names=tuple(names or (f"clip_{i}" for i in range(len(movements)))),
        joint_names=model.joint_names,
        keypoint_names=model.keypoint_names,
        n_frames=n_frames,
        qpos=qpos,
        qvel=qvel,
        site_pos=site_pos,
        tracked_pos=site_pos,
        error_mm=np.zeros(site_pos.shape[:3]),
        alignment=np.tile(np.eye(4), (len(movements), 1, 1)),
        provenance={"origin": "synthetic"},
    )


def make_clips(
    model: BodyModel, frames: Sequence[int] = (40,) * 6, rate_hz: float = 200.0, seed: int = 0
) -> ReferenceClips:
    """Slow sines of every joint about the middle of its range."""
    rng = np.random.default_rng(seed)
    low, high = model.joint_range.T
    middle, reach = 0.5 * (low + high), 0.25 * (high - low)
    movements = []
    for n in frames:
        t = np.arange(n)[:, None] / rate_hz
        frequency, phase = rng.uniform(2.0, 4.0, len(low)), rng.uniform(0, 2 * np.pi, len(low))
        q = np.tile(model.mj_model.qpos0, (n, 1))
        q[:, model.joint_qposadr] = middle + reach * rng.uniform(0.5, 1.0, len(low)) * np.sin(
            2 * np.pi * frequency * t + phase
        )
        movements.append(q)
    return clips_of(model, movements, rate_hz)


def angles_and_speeds(step):
    """An observation for tests."""
    return jax.numpy.concatenate([step.joint_pos, step.joint_vel])


def coming_angles(step):
    """An observation for tests."""
    return step.future.joint_pos.ravel()


def make_task(
    plugins,
    clips: ReferenceClips,
    model: BodyModel,
    rewards: dict[str, tuple[float, object]] | None = None,
    *,
    simulator: str = "mujoco",
    differentiable: bool = False,
    observations=None,
    terminations=(),
    train=None,
    initial_activation=None,
    push=None,
    success="",
    **settings,
) -> Task:
    """A task; ``rewards`` maps names to (weight, function of the step or `Term`)."""
    rewards = rewards or {"joint": (5.0, lambda s: -((s.joint_pos - s.ref.joint_pos) ** 2).sum())}
    settings = TaskSettings(**settings)
    engine = make_simulator(
        plugins, simulator, model, control_dt=1 / settings.control_rate_hz, differentiable=differentiable
    )
    return Task(
        model=model,
        simulator=engine,
        clips=clips,
        settings=settings,
        rewards=[WeightedTerm(n, w, as_term(f), cost=w < 0) for n, (w, f) in rewards.items()],
        observations=observations or {"reference": [coming_angles], "proprioception": [angles_and_speeds]},
        terminations=list(terminations),
        train_clips=np.arange(len(clips.clip_names)) if train is None else np.asarray(train, int),
        initial_activation=initial_activation,
        push=push,
        success=success,
    )


class Compiled:
    """A task whose functions are compiled, as trainers use them; ``plain`` is hundreds of small programs."""

    def __init__(self, task: Task) -> None:
        self.plain = task
        self.reset = jax.jit(task.reset, static_argnames=("batch", "steps_left", "lead"))
        self.reset_at, self.step, self.restart = map(jax.jit, (task.reset_at, task.step, task.restart))
        self.observe = jax.jit(task.observe)

    def __getattr__(self, name: str):
        return getattr(self.plain, name)


def compiled_task(*args, **kwargs) -> Compiled:
    """What `make_task` makes, with compiled functions."""
    return Compiled(make_task(*args, **kwargs))


FREE = """<mujoco><worldbody><body name="trunk"><freejoint name="root"/><geom size="0.01" mass="0.01"/>
<site name="nose" pos="0.01 0 0"/>
<body pos="0 0.01 0"><joint name="tail" axis="0 0 1"/><geom size="0.005" mass="0.001"/></body>
</body></worldbody></mujoco>"""
"""A body that moves freely, with nothing to drive it."""
