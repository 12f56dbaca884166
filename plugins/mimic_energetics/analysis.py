"""Work and metabolic energy per reach, muscle and joint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import Context, DataError, Headline, Inputs, Plugins, Result, Rollouts, Table
from mimic_energetics.energy import balance, compiled, joint_work, metabolic, muscle_work, passive_work, work
from mimic_energetics.findings import Energetics
from mimic_energetics.reserves import reserve_table, reserve_work
from mimic_energetics.settings import Settings
from mimic_energetics.varied import Varied, vary
from mimic_energetics.varied import metrics as varied_metrics
from mimic_energetics.varied import note as varied_note
from mimic_energetics.varied import table as varied_table
from mimic_sensitivity import Sensitivity
from mimic_statistics import check_same, labels, mean_interval

MICRO, MILLI = 1e6, 1e3
_NULLS = {
    "at_joints": "at the joints",
    "all_together": "all together",
    "passive": "passive forces alone",
    "held_still": "the same activity, held still",
    "relaxed": "relaxed muscles",
}
"""key of a null model → what it is called"""


def energetics(rollouts: Rollouts, settings: Settings, plugins: Plugins) -> Energetics:
    """Find everything for one file of rollouts, whose actuation comes from ``plugins``.

    Raises:
        DataError: the body has muscles, and the rollouts do not hold it, or something is missing inside a clip.
    """
    check_whole(rollouts)
    joints = joint_work(rollouts)
    muscles = rollouts.muscle_names
    model = compiled(rollouts, plugins) if muscles or rollouts.body is not None else None
    power = metabolic(rollouts, model, settings.constants) if muscles else None
    still = metabolic(rollouts, model, settings.constants, still=True) if muscles else None
    return Energetics(
        names=muscles or rollouts.joint_names,
        work=muscle_work(rollouts) if muscles else joints,
        joints=joints,
        metabolic_power=power,
        metabolic=None if power is None else np.nansum(power, axis=1) / rollouts.rate_hz,
        balance=None if model is None else balance(rollouts, model),
        held_still=None if still is None else np.nansum(still, axis=1) / rollouts.rate_hz,
        passive=passive_work(rollouts, model) if muscles else None,
        reserves=reserve_work(rollouts),
        rate_hz=rollouts.rate_hz,
    )


def check_whole(rollouts: Rollouts) -> None:
    """Refuse what would count as no energy.

    Raises:
        DataError: a force or velocity is missing inside a clip.
    """
    of_muscles = ("muscle_force", "muscle_velocity", "muscle_length")
    for field in ("joint_force", "joint_vel", *(of_muscles if rollouts.muscle_names else ())):
        values = getattr(rollouts, field)
        inside = np.arange(values.shape[1]) < rollouts.n_steps[:, None]
        missing = (~np.isfinite(values).all(-1) & inside).sum(1)
        for c in np.flatnonzero(missing)[:1]:
            raise DataError(
                f"rollouts: {field} is missing in {missing[c]} of the {rollouts.n_steps[c]} steps of clip "
                f"{rollouts.clip_names[c]}; roll it out again"
            )


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads any number of rollouts."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_energetics import figures

        rollouts: tuple[Rollouts, ...] = inputs.all("rollouts")
        for field in ("muscle_names", "joint_names", "rate_hz"):
            check_same(rollouts, field)
        found = [energetics(r, settings, context.plugins) for r in rollouts]
        what = "muscle" if rollouts[0].muscle_names else "joint"
        metrics = _metrics(found, rollouts[0]) | {"rollouts": len(rollouts), "settings": attrs.asdict(settings)}
        sensitivity: Sensitivity | None = inputs.maybe("sensitivity")
        varied = None if sensitivity is None else vary(sensitivity, rollouts, settings, context.plugins)
        tables = {"work": _work_table(metrics, what), "nulls": _null_table(metrics), **reserve_table(metrics)}
        if what == "muscle":
            tables["joint_work"] = _joint_table(metrics)
        if varied is not None:
            metrics["sensitivity"] = varied_metrics(varied, rollouts[0].muscle_names)
            tables["sensitivity"] = varied_table(varied)
        if found[0].balance is not None:
            tables["balance"] = _balance_table(found, labels(rollouts))
        tables["reaches"] = _reach_table(found, rollouts)
        of = f", mean over {len(rollouts)} rollouts" if len(rollouts) > 1 else ""
        whiskers = "rollouts" if len(rollouts) > 1 else "clips"
        return Result(
            headlines=_headlines(metrics, what, len(rollouts), varied),
            metrics=metrics,
            tables=tables,
            figures={
                "work": figures.work(found, what, varied),
                "power": figures.power(found, rollouts[0].rate_hz, what, varied),
            },
            captions={
                "work": f"Mechanical work of every {what} per reach, positive and negative"
                + (", and metabolic energy (dashes: of the same activity, held still)" if what == "muscle" else "")
                + f"{of}. Whiskers: 95 % confidence interval of the mean over {whiskers}."
                + ("" if varied is None else f" Diamonds with whiskers: {varied.said}."),
                "power": f"Mechanical power of all {what}s together"
                + (" and their metabolic power" if what == "muscle" else "")
                + " over time, mean ± SEM over reaches"
                + (" of all rollouts." if of else ".")
                + ("" if varied is None else f" Dashed: {varied.said}."),
            },
            methods=_methods(rollouts, found, settings, what, varied),
        )

    return analyse


def _headlines(metrics: dict[str, Any], what: str, n_rollouts: int, varied: Varied | None) -> list[Headline]:
    """Metabolic energy of a reach where there are muscles, and positive work, each beside its null models."""
    over = f"mean over reaches of {n_rollouts} rollouts" if n_rollouts > 1 else "mean over reaches"
    of_work = {_NULLS[k]: v for k, v in metrics["nulls"]["work_uJ"].items() if what == "muscle" or k == "all_together"}
    done = Headline(
        f"positive work of a reach, all {what}s",
        metrics["work_uJ"]["positive"]["mean"],
        "µJ",
        over + varied_note(varied, "positive"),
        nulls=of_work,
    )
    if "metabolic_uJ" not in metrics:
        return [done]
    efficient = metrics["efficiency"]["mean"]
    note = f"{over}; {100 * efficient:.3g} % of it becomes positive work" if np.isfinite(efficient) else over
    note += varied_note(varied, "metabolic")
    of_energy = {_NULLS[k]: v for k, v in metrics["nulls"]["metabolic_uJ"].items()}
    return [Headline("metabolic energy of a reach", metrics["metabolic_uJ"]["mean"], "µJ", note, nulls=of_energy), done]


def _null_table(metrics: dict[str, Any]) -> Table:
    positive, nulls = metrics["work_uJ"]["positive"]["mean"], metrics["nulls"]["work_uJ"]
    rows = [("positive work", "the controller", positive), *(("positive work", _NULLS[k], v) for k, v in nulls.items())]
    caption = (
        "Positive work of a reach beside that of the torques at the joints (what actuators do against one another at a "
        "joint cancels) and of all together (what one gives and another takes at an instant cancels too)"
    )
    if "metabolic_uJ" in metrics:
        energy = "metabolic energy"
        rows += [(energy, "the controller", metrics["metabolic_uJ"]["mean"])]
        rows += [(energy, _NULLS[k], v) for k, v in metrics["nulls"]["metabolic_uJ"].items()]
        caption += (
            ", and of the passive forces, which cost nothing; metabolic energy beside that of the same activity with "
            "every muscle kept at its length, and of relaxed muscles (there is no basal rate)"
        )
    return Table(columns=("quantity", "model", "µJ"), rows=rows, caption=f"{caption}.")


def _per_reach(found: list[Energetics], pick: Any, unit: float) -> dict[str, float]:
    """Mean over reaches of a number, with its interval over rollouts."""
    return mean_interval([unit * float(np.mean(pick(f))) for f in found])


def _metrics(found: list[Energetics], rollouts: Rollouts) -> dict[str, Any]:
    out: dict[str, Any] = {
        "work_uJ": {
            kind: _per_reach(found, lambda f, k=kind: getattr(f.work, k).sum(axis=1), MICRO)
            for kind in ("positive", "negative", "net")
        },
        "peak_power_mW": _per_reach(found, lambda f: np.nanmax(f.work.power.sum(axis=2), axis=1), MILLI),
        "nulls": {
            "work_uJ": {
                "at_joints": _per_reach(found, lambda f: f.joints.positive.sum(axis=1), MICRO)["mean"],
                "all_together": _per_reach(found, _together, MICRO)["mean"],
            }
        },
    }
    if found[0].metabolic is not None:
        out["metabolic_uJ"] = _per_reach(found, lambda f: f.metabolic.sum(axis=1), MICRO)
        out["efficiency"] = mean_interval([f.efficiency for f in found])
        out["nulls"]["metabolic_uJ"] = {
            "held_still": _per_reach(found, lambda f: f.held_still.sum(axis=1), MICRO)["mean"],
            "relaxed": 0.0,  # the model has no basal rate
        }
        out["nulls"]["work_uJ"]["passive"] = _per_reach(found, lambda f: f.passive.positive.sum(axis=1), MICRO)["mean"]
        out["muscles"] = {
            name: _of_one(found, lambda f: f.work, i)
            | {"metabolic_uJ": _per_reach(found, lambda f, i=i: f.metabolic[:, i], MICRO)["mean"]}
            for i, name in enumerate(rollouts.muscle_names)
        }
    out["joints"] = {name: _of_one(found, lambda f: f.joints, i) for i, name in enumerate(rollouts.joint_names)}
    if found[0].reserves is not None:
        out["reserves_uJ"] = {
            kind: _per_reach(found, lambda f, k=kind: getattr(f.reserves, k).sum(axis=1), MICRO)["mean"]
            for kind in ("positive", "negative", "net")
        }
    if found[0].balance is not None:
        out["balance_uJ"] = {
            "net_work": out["work_uJ"]["net"]["mean"],
            "at_joints": _per_reach(found, lambda f: f.joints.net.sum(axis=1), MICRO)["mean"],
            "stored": _per_reach(found, lambda f: f.balance.stored, MICRO)["mean"],
            "damped": _per_reach(found, lambda f: f.balance.damped, MICRO)["mean"],
            "rest": _per_reach(found, _rest, MICRO)["mean"],
        }
    return out


def _together(of: Energetics) -> np.ndarray:
    """(clip,) J, positive work of all together: what one gives and another takes at an instant cancels."""
    return work(of.work.power.sum(axis=2, keepdims=True), of.rate_hz).positive[:, 0]


def _rest(of: Energetics) -> np.ndarray:
    """(clip,) J, what neither moves the body nor is damped."""
    reserves = 0.0 if of.reserves is None else of.reserves.net.sum(axis=1)
    return of.work.net.sum(axis=1) + reserves - of.balance.stored - of.balance.damped


def _of_one(found: list[Energetics], work: Any, i: int) -> dict[str, float]:
    return {
        **{
            f"{kind}_uJ": _per_reach(found, lambda f, k=kind: getattr(work(f), k)[:, i], MICRO)["mean"]
            for kind in ("positive", "negative", "net")
        },
        "peak_mW": _per_reach(found, lambda f: work(f).peak[:, i], MILLI)["mean"],
    }


def _work_table(metrics: dict[str, Any], what: str) -> Table:
    rows = [(name, *of.values()) for name, of in metrics[f"{what}s"].items()]
    total = [metrics["work_uJ"][k]["mean"] for k in ("positive", "negative", "net")]
    rows.append(("all", *total, metrics["peak_power_mW"]["mean"], *_energy(metrics)))
    efficient = metrics.get("efficiency", {}).get("mean")
    return Table(
        columns=(
            *(what, "positive (µJ)", "negative (µJ)", "net (µJ)", "peak (mW)"),
            *(("metabolic (µJ)",) if what == "muscle" else ()),
        ),
        rows=rows,
        caption=f"Mechanical work and peak power of every {what}, mean over reaches"
        + (f". Positive work is {100 * efficient:.1f} % of the metabolic energy." if efficient is not None else "."),
    )


def _energy(metrics: dict[str, Any]) -> tuple[float, ...]:
    return (metrics["metabolic_uJ"]["mean"],) if "metabolic_uJ" in metrics else ()


def _joint_table(metrics: dict[str, Any]) -> Table:
    return Table(
        columns=("joint", "positive (µJ)", "negative (µJ)", "net (µJ)", "peak (mW)"),
        rows=[(name, *of.values()) for name, of in metrics["joints"].items()],
        caption="Mechanical work of all muscles at every joint, mean over reaches.",
    )


def _balance_table(found: list[Energetics], who: tuple[str, ...]) -> Table:
    return Table(
        columns=("rollouts", "net work (µJ)", "at joints (µJ)", "stored (µJ)", "damped (µJ)", "rest (µJ)"),
        rows=[
            (
                label,
                *(
                    MICRO * float(np.mean(v))
                    for v in (
                        f.work.net.sum(axis=1),
                        f.joints.net.sum(axis=1),
                        f.balance.stored,
                        f.balance.damped,
                        _rest(f),
                    )
                ),
            )
            for label, f in zip(who, found, strict=True)
        ],
        caption="Where the net work of a reach goes, mean over reaches: into kinetic and potential energy (stored), "
        "into damping, and the rest into joint limits. At joints: the same work, from torques and angular velocities."
        + ("" if found[0].reserves is None else " What reserves did, see there, comes on top of the net work."),
    )


def _reach_table(found: list[Energetics], rollouts: Sequence[Rollouts]) -> Table:
    rows = []
    for label, f, r in zip(labels(rollouts), found, rollouts, strict=True):
        for c, name in enumerate(r.clip_names):
            of_clip = [MICRO * getattr(f.work, k)[c].sum() for k in ("positive", "negative", "net")]
            energy = () if f.metabolic is None else (MICRO * f.metabolic[c].sum(),)
            peak = MILLI * np.nanmax(f.work.power[c].sum(axis=1))
            seconds = (int(r.n_steps[c]) - 1) / r.rate_hz
            rows.append((*((label,) if len(found) > 1 else ()), name, 1e3 * seconds, *of_clip, peak, *energy))
    return Table(
        columns=(
            *(("rollouts",) if len(found) > 1 else ()),
            *("clip", "time (ms)", "positive (µJ)", "negative (µJ)", "net (µJ)", "peak (mW)"),
            *(("metabolic (µJ)",) if found[0].metabolic is not None else ()),
        ),
        rows=rows,
        caption="Work, peak power and metabolic energy of every reach.",
    )


def _methods(
    rollouts: Sequence[Rollouts], found: list[Energetics], settings: Settings, what: str, varied: Varied | None
) -> str:
    r = rollouts[0]
    power = "tension times shortening velocity" if what == "muscle" else "torque times angular velocity"
    text = (
        f"The mechanical power of every {what} is {power} at the instants of the rollouts ({r.rate_hz:g} Hz); its "
        f"positive and its negative part were integrated over each of {len(r.clip_names)} reaches by the trapezoidal "
        "rule. Energies are those of the simulated body, which has the model's size. "
    )
    if what == "muscle":
        c = settings.constants
        text += (
            "Metabolic power is the model of Bhargava, Pandy & Anderson (2004): activation and maintenance heat, "
            "shortening heat and work of the active force, not below 0 for any muscle, without a basal rate. A "
            f"muscle's mass follows from its maximum isometric force ({c.specific_tension / 1e3:g} kPa), optimal fibre "
            f"length and density ({c.density:g} kg/m³); {100 * c.slow_twitch:g} % of its fibres are slow "
            f"(activation heat {c.activation_slow:g} and {c.activation_fast:g} W/kg, maintenance heat "
            f"{c.maintenance_slow:g} and {c.maintenance_fast:g} W/kg of slow and fast fibres). The constants were "
            "measured on larger and colder muscles than a mouse's. In every control step the excitation is the one "
            "held during it, and the power the mean of those at its ends. Held still is the same model with the same "
            "excitation and activation, the isometric force and no velocity. Efficiency is positive work, of active "
            "and passive force, over metabolic energy. "
        )
    if found[0].balance is not None:
        text += (
            "As a check, the net work was compared with the work at the joints and with the change of kinetic and "
            "potential energy (MuJoCo) plus what the joints' damping dissipates. "
        )
    if varied is not None:
        text += (
            f"The same controller was rolled out in altered bodies; error bars are {varied.said}. Forces and energies "
            "are those of the altered muscles, whose mass follows from their own maximum force and fibre length. "
        )
    if len(rollouts) > 1:
        text += f"Means over {len(rollouts)} rollouts have 95 % confidence intervals from Student's t."
    return text.strip()
