"""Tables of the inverse analysis."""

from __future__ import annotations

import numpy as np

from mimic_core import Table
from mimic_inverse.agreement import mean_of
from mimic_inverse.findings import Beside, Found
from mimic_inverse.settings import Settings
from mimic_sensitivity import PARAMETERS
from mimic_static_optimisation import SOLUTIONS

MICRO = 1e6
WINDOW_MS = 50.0
"""Length of the windows of time."""


def sd(values: np.ndarray) -> np.ndarray:
    """Standard deviation over the first axis; 0 of a single value."""
    return values.std(axis=0, ddof=min(1, len(values) - 1))


def first_solution(found: Found) -> str:
    """The compared solution in words."""
    return SOLUTIONS[next(iter(found.solutions))]


def all_tables(found: Found, settings: Settings) -> dict[str, Table]:
    """Name → table."""
    out = {
        "solutions": _solutions(found, settings),
        "over_time": _over_time(found),
        "torque": _torque(found),
        "reserve": _reserve(found),
        "activation": _activation(found),
    }
    if found.beside is not None:
        out["controller"] = _controller(found, found.beside)
        out["inside"] = _inside(found, found.beside, settings)
    if found.recorded:
        out["emg"] = _emg(found)
        out["reachable"] = _reachable(found, settings)
    if found.held:
        out["held"] = _held(found, settings)
    if found.load.root is not None:
        out["root"] = _root(found)
    if found.varied:
        out["sensitivity"] = _sensitivity(found, settings)
        if found.recorded:
            out["sensitivity_emg"] = _sensitivity_emg(found)
        out["sensitivity_by_muscle"] = _by_muscle(found)
    return out


def _rms(values: np.ndarray) -> np.ndarray:
    return MICRO * np.sqrt((values**2).mean(axis=0))


def _torque(found: Found) -> Table:
    load = found.load
    rms, holding, damping = _rms(load.torque), _rms(load.holding), _rms(load.damping)
    return Table(
        columns=("joint", "torque (µN·m)", "largest (µN·m)", "holding (µN·m)", "damping (µN·m)", "muscles"),
        rows=[
            (
                *(name, rms[j], MICRO * np.abs(load.torque[:, j]).max(), holding[j], damping[j]),
                int((np.abs(load.gain[:, j]).max(axis=0) > 0).sum()) if load.crossed[j] else 0,
            )
            for j, name in enumerate(found.joints)
        ],
        caption="Torque that actuators must give for the registered movement, root mean square and largest, the parts "
        "of it that hold the pose at rest and that overcome the joints' damping, and how many muscles turn the joint.",
    )


def _reserve(found: Found) -> Table:
    rows = []
    for j, name in enumerate(found.joints):
        for k, s in found.solutions.items():
            size = MICRO * np.abs(s.reserve[:, j])
            rows.append((name, SOLUTIONS[k], size.mean(), size.max(), 100 * found.left(s.reserve)[j]))
        needed = MICRO * np.abs(found.load.needed[:, j]).mean()
        rows += [(name, k, v[j] * needed, None, 100 * v[j]) for k, v in found.nulls.items()]
    return Table(
        columns=("joint", "muscles", "reserve (µN·m)", "largest (µN·m)", "left (%)"),
        rows=rows,
        caption="Reserve: the size of the torque that muscles do not give, mean over frames. Left: that over the mean "
        "size of the torque that active muscles should give. Null models: no muscle active (limp), and every muscle "
        "always as active as is best over all frames.",
    )


def _activation(found: Found) -> Table:
    means = {SOLUTIONS[k]: s.activation.mean(axis=0) for k, s in found.solutions.items()}
    if found.beside is not None:
        means["controller"] = mean_of(found.beside.activation)
    means |= {f"{SOLUTIONS.get(k, k)}, SD": mean_of(s.sd) for k, s in found.bars.items()}
    low, high = (mean_of(a) for a in (found.feasible.low, found.feasible.high))
    return Table(
        columns=("muscle", *means, "feasible from", "feasible to", "width"),
        rows=[
            (name, *(v[i] for v in means.values()), low[i], high[i], high[i] - low[i])
            for i, name in enumerate(found.muscles)
        ],
        caption="Mean activation over all frames, and the mean over feasible frames of the least and the greatest "
        "activation of each muscle that still gives the torques. A width of 1 means that the movement says nothing of "
        "the muscle."
        + (" SD: over bodies with other muscle parameters, of the mean course, mean over time." if found.bars else ""),
    )


def _solutions(found: Found, settings: Settings) -> Table:
    crossed = found.load.crossed
    return Table(
        columns=("solution", "infeasible frames (%)", "Σa²", "left (%)"),
        rows=[
            (
                SOLUTIONS[name],
                100 * (1 - s.feasible.mean()),
                (s.activation**2).sum(axis=1).mean(),
                100 * found.left(s.reserve)[crossed].mean(),
            )
            for name, s in found.solutions.items()
        ],
        caption="The solutions beside one another. Infeasible: the reserve of a joint is larger than "
        f"{100 * settings.infeasible_share:g} % of its root mean square torque. Left: as in the table of torques, mean "
        "over joints.",
    )


def _over_time(found: Found) -> Table:
    m = found.movement
    ms = 1e3 * np.concatenate([np.arange(n) for n in m.n_frames]) / m.rate_hz
    left = {k: np.abs(s.reserve)[:, found.load.crossed].sum(axis=1) for k, s in found.solutions.items()}
    needed = np.abs(found.load.needed)[:, found.load.crossed].sum(axis=1)
    rows = []
    for start in np.arange(0.0, ms.max() + 1e-6, WINDOW_MS):
        at = (ms >= start - 1e-6) & (ms < start + WINDOW_MS - 1e-6)
        if not at.any():
            continue
        shares = [100 * (1 - s.feasible[at].mean()) for s in found.solutions.values()]
        parts = [100 * left[k][at].sum() / max(needed[at].sum(), 1e-300) for k in found.solutions]
        rows.append(
            (f"{start:.0f} to {start + WINDOW_MS:.0f}", *(x for pair in zip(shares, parts, strict=True) for x in pair))
        )
    names = [SOLUTIONS[k] for k in found.solutions]
    return Table(
        columns=("ms after start", *(x for n in names for x in (f"infeasible, {n} (%)", f"left, {n} (%)"))),
        rows=rows,
        caption="When the muscles cannot give the torque: share of infeasible frames, and the size of the reserve over "
        "that of the torque that active muscles should give, all joints together.",
    )


def _controller(found: Found, b: Beside) -> Table:
    rows = [
        (muscle, SOLUTIONS.get(k, k), mae, r2)
        for k, a in b.agreement.items()
        for muscle, mae, r2 in (("all", a.mae.mean(), a.r2.mean()), *zip(found.muscles, a.mae, a.r2, strict=True))
    ]
    order = ("all", *found.muscles)
    return Table(
        columns=("muscle", "beside the controller", "MAE", "R²"),
        rows=sorted(rows, key=lambda row: order.index(row[0])),
        caption="The controller's activation beside the solutions for the registered movement, and beside null models: "
        f"the best constant, no activation, and {first_solution(found)} of another clip at the same time (mean over "
        "all other clips). R²: of the best affine map with a slope not below 0. All: mean over muscles.",
    )


def _inside(found: Found, b: Beside, settings: Settings) -> Table:
    shares = {"controller": b.inside, **b.inside_nulls}
    rows = [(name, *(100 * v[i] for v in shares.values())) for i, name in enumerate(found.muscles)]
    return Table(
        columns=("muscle", *(f"{k} (%)" for k in shares)),
        rows=[("all", *np.mean([row[1:] for row in rows], axis=0)), *rows],
        caption="Share of the feasible frames in which an activation lies in the muscle's feasible range "
        f"± {settings.inside_tolerance:g}: the controller's, and null models. Another clip's: the controller in the "
        "range of another clip.",
    )


def _emg(found: Found) -> Table:
    return Table(
        columns=("EMG", "muscle", "curve", "MAE", "R²"),
        rows=[
            (r.name, r.muscle, SOLUTIONS.get(name, name), r.mae[name], r.r2[name])
            for r in found.recorded
            for name in r.mae
        ],
        caption="Mean activation over clips beside mean EMG, and null models: the best constant, no activation, the "
        f"other muscles of {first_solution(found)} (mean over them). R²: of the best affine map with a slope not "
        f"below 0. {found.recorded[0].samples} samples.",
    )


def _reachable(found: Found, settings: Settings) -> Table:
    return Table(
        columns=("EMG", "muscle", "feasible", "MAE", "R²", "reversed: MAE", "reversed: R²", "outside (%)", "samples"),
        rows=[
            (
                *(r.name, r.muscle, f"{b.lowest:.2f}–{b.highest:.2f}"),
                *(b.mae, b.r2, b.reversed_mae, b.reversed_r2, 100 * b.outside, b.samples),
            )
            for r in found.recorded
            if (b := r.reachable) is not None
        ],
        caption="How near to mean EMG any course comes that stays within the muscle's mean feasible range (given as "
        "its mean over time): the least mean absolute error and the largest R² (of an affine map with a slope not "
        "below 0). No activation that gives this movement's torques in this body comes nearer. Reversed: the same for "
        "EMG running backwards in time, which is what so wide a range reaches by itself. Outside: instants at which "
        f"EMG, as recorded, is more than {settings.inside_tolerance:g} beyond the range. Each muscle by itself, "
        "without activation dynamics, at instants at which some activation gives the torques in half of the clips or "
        "more.",
    )


def _held(found: Found, settings: Settings) -> Table:
    muscles = " and ".join(r.muscle for r in found.recorded)
    least = next(iter(found.held.values())).effort
    return Table(
        columns=("held on", "Σa²", "times the least", "left (%)", "infeasible frames (%)"),
        rows=[
            (name, h.effort, h.effort / max(least, 1e-300), 100 * h.left, 100 * h.infeasible)
            for name, h in found.held.items()
        ],
        caption=f"Least Σa² for the torques with {muscles} held, as recorded, on the mean EMG in every clip, on it "
        "running backwards in time, and on its mean, over the frames that have EMG. Left and infeasible: as in the "
        "table of solutions. What is feasible for one muscle by itself need not be so for all at once.",
    )


def _root(found: Found) -> Table:
    assert found.load.root is not None
    names = [f"{kind} {axis}" for kind in ("force (mN)", "torque (mN·m)") for axis in "xyz"]
    rms, largest = np.sqrt((found.load.root**2).mean(axis=0)), np.abs(found.load.root).max(axis=0)
    return Table(
        columns=("root", "root mean square", "largest"),
        rows=[(name, 1e3 * rms[i], 1e3 * largest[i]) for i, name in enumerate(names)],
        caption="What the free root would need from outside for the movement. No muscle is asked for it; of a body "
        "that stands on something it is the ground reaction, which is not in the joints' torques.",
    )


def _sensitivity(found: Found, settings: Settings) -> Table:
    rows = []
    for parameter, v in found.varied.items():
        assert v.unchanged is not None
        total = v.work_uJ.sum(axis=1)
        rows.append(
            (
                *(PARAMETERS[parameter], SOLUTIONS[v.solution]),
                *(100 * v.unchanged.infeasible[0], 100 * v.infeasible.mean(), 100 * v.infeasible.max()),
                *(v.unchanged.work_uJ.sum(), total.mean(), sd(total)),
            )
        )
    return Table(
        columns=(
            *("varied", "solution", "infeasible (%)", "mean (%)", "most (%)"),
            *("positive work (µJ)", "mean (µJ)", "SD (µJ)"),
        ),
        rows=rows,
        caption=f"Muscle parameters varied by up to {100 * settings.spread:g} % in {settings.bodies} bodies, each "
        "muscle by itself, over clips evenly chosen: infeasible frames and positive work of all muscles per clip, with "
        "parameters as they are, and mean, most and standard deviation over the bodies.",
    )


def _sensitivity_emg(found: Found) -> Table:
    return Table(
        columns=("varied", "solution", "EMG", "MAE", "mean", "SD"),
        rows=[
            (PARAMETERS[p], SOLUTIONS[v.solution], k, v.unchanged.emg_mae[k][0], x.mean(), sd(x))
            for p, v in found.varied.items()
            if v.unchanged is not None
            for k, x in v.emg_mae.items()
        ],
        caption="Mean absolute error of the mean activation beside mean EMG over the same clips and bodies: with "
        "parameters as they are, and mean and standard deviation over the bodies, an error bar for muscles that are "
        "not better known.",
    )


def _by_muscle(found: Found) -> Table:
    rows = []
    for parameter, v in found.varied.items():
        assert v.unchanged is not None
        for i, name in enumerate(found.muscles):
            a, w = v.activation[:, i], v.work_uJ[:, i]
            rows.append(
                (
                    *(PARAMETERS[parameter], name, v.unchanged.activation[0, i], a.mean(), sd(a)),
                    *(v.unchanged.work_uJ[0, i], w.mean(), sd(w)),
                )
            )
    return Table(
        columns=("varied", "muscle", "activation", "mean", "SD", "positive work (µJ)", "mean (µJ)", "SD (µJ)"),
        rows=rows,
        caption="Mean activation and positive work per clip of each muscle, with parameters as they are, and mean and "
        "standard deviation over the bodies.",
    )
