"""Work, metabolic energy and the balance of energies of rollouts."""

from __future__ import annotations

from typing import Any

import numpy as np

from mimic_core import BodyModel, DataError, Plugins, Rollouts
from mimic_core.chain import build_model
from mimic_energetics.findings import Balance, Work
from mimic_energetics.metabolics import Metabolic, Muscles, metabolic_power


def work(power: np.ndarray, rate_hz: float) -> Work:
    """Integrate power (clip, step, muscle) W by the trapezoidal rule; NaN past a clip's end."""
    return Work(
        positive=_integral(np.maximum(power, 0.0), rate_hz),
        negative=_integral(np.minimum(power, 0.0), rate_hz),
        peak=np.nanmax(power, axis=1),
        power=power,
    )


def _integral(power: np.ndarray, rate_hz: float) -> np.ndarray:
    return np.nansum(0.5 * (power[:, 1:] + power[:, :-1]), axis=1) / rate_hz


def muscle_work(rollouts: Rollouts) -> Work:
    """Work of the muscles on the body: ∫ force · shortening velocity dt."""
    return work(-rollouts.muscle_force.astype(float) * rollouts.muscle_velocity, rollouts.rate_hz)


def joint_work(rollouts: Rollouts) -> Work:
    """Work of the actuators but reserves at the joints: ∫ torque · angular velocity dt."""
    reserve = 0.0 if rollouts.reserve_force is None else rollouts.reserve_force.astype(float)
    return work((rollouts.joint_force.astype(float) - reserve) * rollouts.joint_vel, rollouts.rate_hz)


def compiled(rollouts: Rollouts, plugins: Plugins) -> BodyModel:
    """Compile the body of rollouts with the actuation that they were made with, as ``plugins`` offer it.

    Raises:
        DataError: the rollouts hold no body or no training, or their muscles are not those of the body.
    """
    if rollouts.body is None or rollouts.training is None:
        lacking = "body" if rollouts.body is None else "plan of the training run"
        raise DataError(
            f"rollouts: hold no {lacking}, which tells the size of the muscles; make them again with 'mimic rollout'"
        )
    model = build_model(rollouts.body, rollouts.training.plan, plugins)
    if model.muscle_names != rollouts.muscle_names:
        raise DataError(
            f"rollouts: their muscles are {', '.join(rollouts.muscle_names)}, but their body has "
            f"{', '.join(model.muscle_names)}; make them again with 'mimic rollout'"
        )
    return model


def metabolic(rollouts: Rollouts, model: BodyModel, config: Metabolic, still: bool = False) -> np.ndarray:
    """Metabolic power of every muscle, (clip, control step, muscle) W, mean of each step; NaN past a clip's end.

    During a step the excitation is held; the power is the mean of those at the step's two ends. With ``still`` it
    is that of muscles with the same excitation and activation that are kept at their length at every instant: what the
    activity costs without any work or shortening.
    """
    import jax

    muscles = Muscles.of(model)
    names = rollouts.muscle_names
    state = {
        "activation": np.stack([rollouts.of("activation", m) for m in names], axis=-1),
        "force": rollouts.muscle_force,
        "length": rollouts.muscle_length,
        "velocity": rollouts.muscle_velocity,
    }
    if still:
        active, passive = static_forces(rollouts, muscles)
        state |= {"force": state["activation"] * active + passive, "velocity": np.zeros_like(rollouts.muscle_velocity)}
    excitation = np.stack([rollouts.of("excitation", m) for m in names], axis=-1)[:, 1:]
    inside = np.arange(1, rollouts.qpos.shape[1]) < rollouts.n_steps[:, None]

    @jax.jit
    @jax.vmap
    def power(excitation: Any, state: dict[str, Any]) -> Any:
        return metabolic_power(config, muscles, excitation=excitation, **state)

    out = np.full(excitation.shape, np.nan)
    ends = [{k: v[:, at][inside] for k, v in state.items()} for at in (slice(None, -1), slice(1, None))]
    out[inside] = np.mean([np.asarray(power(excitation[inside], end), float) for end in ends], axis=0)
    return out


def static_forces(rollouts: Rollouts, muscles: Muscles) -> tuple[np.ndarray, np.ndarray]:
    """Active force at full activation and zero velocity, and passive force: (clip, step, muscle) N, NaN past a clip."""
    import jax

    inside = np.isfinite(rollouts.muscle_length)
    length = np.where(inside, rollouts.muscle_length, 0.0).astype(float)
    static = jax.jit(jax.vmap(jax.vmap(muscles.static)))(length)
    return tuple(np.where(inside, np.asarray(f, float), np.nan) for f in (static.active, static.passive))


def passive_work(rollouts: Rollouts, model: BodyModel) -> Work:
    """Work that the same muscles would do on the same movement if they were never active."""
    _, passive = static_forces(rollouts, Muscles.of(model))
    return work(-passive * rollouts.muscle_velocity, rollouts.rate_hz)


def balance(rollouts: Rollouts, model: BodyModel) -> Balance:
    """Change of the body's mechanical energy from a clip's first to its last entry, and the heat of damping."""
    import mujoco

    m, data = model.mj_model, mujoco.MjData(model.mj_model)

    def energy(clip: int, step: int) -> float:
        data.qpos[:], data.qvel[:] = rollouts.qpos[clip, step], rollouts.qvel[clip, step]
        mujoco.mj_fwdPosition(m, data)
        mujoco.mj_fwdVelocity(m, data)
        mujoco.mj_energyPos(m, data)
        mujoco.mj_energyVel(m, data)
        return float(data.energy.sum())

    stored = [energy(c, int(n) - 1) - energy(c, 0) for c, n in enumerate(rollouts.n_steps)]
    damped = _integral(m.dof_damping * rollouts.qvel.astype(float) ** 2, rollouts.rate_hz).sum(axis=-1)
    return Balance(np.array(stored), damped)
