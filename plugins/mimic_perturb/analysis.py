"""Recovery from perturbations: how far, how long, and what the muscles did about it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core import ConfigError, DataError, Result, Rollouts, Table, did_you_mean, to_json
from mimic_core.records import check_same

if TYPE_CHECKING:
    from mimic_perturb import Recovery

_ALIKE: dict[str, Callable[[Rollouts], Any]] = {
    "training run": lambda r: r.provenance.get("run"),
    "checkpoint": lambda r: r.provenance.get("checkpoint"),
    "clips file": lambda r: r.provenance.get("clips"),
    "deterministic acting": lambda r: r.provenance.get("deterministic"),
    "seed": lambda r: r.provenance.get("seed"),
    "simulator": lambda r: r.simulator,
    "clips' number of steps": lambda r: r.n_steps,
}
"""What rollouts must share, so that only the perturbation sets them apart; rollouts made by hand may tell of none."""


@attrs.frozen(kw_only=True, eq=False)
class Response:
    """What one perturbation did, clip by clip. Times are since its onset; NaN where there was none.

    Attributes:
        label: what these rollouts are called.
        kind, settings: the perturbation's name and settings.
        rate_hz: of all arrays over steps.
        onset, end: (clip,) s since the clip's start; NaN for a clip that was left alone.
        deviation_mm: (clip, step) distance from the undisturbed course, mm of the animal.
        change: (clip, step, actuator) of the signal from the undisturbed one, at the instant at which it is sent.
        peak_mm, peak_ms: (clip,) largest deviation after the onset, and when.
        recovery_ms: (clip,) from when on the deviation stays below the threshold; inf if it never does.
        left_mm: (clip,) mean deviation at the clip's end, from the onset on.
        latency_ms: (clip, actuator) when the signal first differs by more than the setting says; inf if it never does.
        mean_change: (clip, actuator) mean of ``change`` over the time that the setting says.
        error_mm: window (``before``, ``during``, ``after``) → mean distance from the reference, mm: undisturbed and
            perturbed.
    """

    label: str
    kind: str
    settings: dict[str, Any]
    rate_hz: float
    onset: np.ndarray
    end: np.ndarray
    deviation_mm: np.ndarray
    change: np.ndarray
    peak_mm: np.ndarray
    peak_ms: np.ndarray
    recovery_ms: np.ndarray
    left_mm: np.ndarray
    latency_ms: np.ndarray
    mean_change: np.ndarray
    error_mm: dict[str, tuple[float, float]]


def analysis(settings: Recovery):
    """Return ``analyse(rollouts) -> Result`` for these settings."""

    def analyse(rollouts: Sequence[Rollouts]) -> Result:
        from mimic_perturb import figures

        plain, perturbed = told_apart(rollouts)
        keypoints = _keypoints(plain, settings)
        found = [
            respond(plain, r, label, keypoints, settings) for r, label in zip(perturbed, labels(perturbed), strict=True)
        ]
        summaries = {r.label: _summary(r, plain.actuator_names) for r in found}
        return Result(
            metrics={
                **summaries,
                "clips": len(plain.clip_names),
                "settings": attrs.asdict(settings),
            },
            tables={
                "recovery": _recovery_table(summaries, settings),
                "muscles": _muscle_table(summaries, settings),
                "tracking": _tracking_table(summaries),
                "clips": _clip_table(found, plain),
            },
            figures={
                "deviation": figures.deviation(found),
                "muscle_response": figures.muscle_response(found, plain.actuator_names, settings),
            },
            captions={
                "deviation": f"Distance of {', '.join(keypoints)} (mean over them) from the undisturbed course, since "
                "the perturbation's onset: every clip (grey), mean (line) ± standard error of the mean (band), drawn "
                "for as long as half the clips last. A perturbation that is over before that is shaded.",
                "muscle_response": f"Change of {settings.signal} from the undisturbed rollouts, mean over clips, since "
                "the perturbation's onset; each panel has colours of its own. A vertical line marks the end of a "
                "perturbation that is over before the clips are.",
            },
            methods=_methods(plain, found, keypoints, settings),
        )

    return analyse


def told_apart(rollouts: Sequence[Rollouts]) -> tuple[Rollouts, list[Rollouts]]:
    """Return the undisturbed rollouts and the perturbed ones.

    Raises:
        DataError: not exactly one is undisturbed, none is perturbed, or more than the perturbation differs: body,
            clips, training run, checkpoint, seed or simulator.
    """
    plain = [r for r in rollouts if not r.provenance.get("perturbation")]
    perturbed = [r for r in rollouts if r.provenance.get("perturbation")]
    if len(plain) != 1 or not perturbed:
        raise DataError(
            f"analyze.recovery: got {len(plain)} undisturbed and {len(perturbed)} perturbed rollouts, expected one "
            "undisturbed and at least one perturbed; make the latter with 'mimic rollout RUN --perturb NAME'"
        )
    for field in ("clip_names", "rate_hz", "actuator_names", "keypoint_names"):
        check_same([*plain, *perturbed], field)
    for r, label in zip(perturbed, labels(perturbed), strict=True):
        _check_alike(plain[0], r, label)
    return plain[0], perturbed


def _check_alike(plain: Rollouts, perturbed: Rollouts, label: str) -> None:
    for what, of in _ALIKE.items():
        expected, found = to_json(of(plain)), to_json(of(perturbed))
        if found != expected:
            told = f" ({found}, undisturbed {expected})" if len(f"{found}{expected}") < 60 else ""
            raise DataError(
                f"analyze.recovery: rollouts {label!r} and the undisturbed ones differ in their {what}{told}, so that "
                "more than the perturbation sets them apart; make both with the same run, checkpoint and --seed"
            )


def labels(perturbed: Sequence[Rollouts]) -> list[str]:
    """Name each perturbed rollout; those of one name by the settings that they do not share."""
    told = [r.provenance["perturbation"] for r in perturbed]
    out = []
    for i, one in enumerate(told):
        alike = [t for t in told if t["label"] == one["label"]]
        differs = [k for k, v in one["settings"].items() if any(t["settings"].get(k) != v for t in alike)]
        name = " ".join([one["label"], *(f"{k} {_plain(one['settings'][k])}" for k in differs)])
        out.append(name if name not in out else f"{name} ({i + 1})")
    return out


def _plain(v: Any) -> str:
    return " ".join(map(str, v)) if isinstance(v, (list, tuple)) else f"{v:g}" if isinstance(v, float) else str(v)


def _keypoints(rollouts: Rollouts, settings: Recovery) -> tuple[str, ...]:
    for name in settings.keypoints:
        if name not in rollouts.keypoint_names:
            known = did_you_mean(name, rollouts.keypoint_names)
            raise ConfigError(f"analyze.recovery.keypoints: no keypoint {name!r} in these rollouts{known}")
    moving = tuple(n for n in rollouts.keypoint_names if n not in rollouts.fixed_keypoints)
    return settings.keypoints or moving


def respond(plain: Rollouts, perturbed: Rollouts, label: str, keypoints: Sequence[str], settings: Recovery) -> Response:
    """Measure what a perturbation did."""
    rate, n_steps = plain.rate_hz, plain.n_steps
    at = [plain.keypoint_names.index(k) for k in keypoints]
    to_mm = 1e3 * (plain.body.scale if plain.body is not None else 1.0)
    apart = np.linalg.norm(perturbed.site_pos[..., at, :] - plain.site_pos[..., at, :], axis=-1)
    deviation = to_mm * apart.mean(axis=-1)
    change = getattr(perturbed, settings.signal) - getattr(plain, settings.signal)
    if settings.signal == "excitation":  # what is kept at an entry was sent a control step and the motor delay before
        sent = 1 + round(1e-3 * _motor_delay_ms(plain) * rate)
        change = np.concatenate([change[:, sent:], np.full_like(change[:, :sent], np.nan)], axis=1)
    told = perturbed.provenance["perturbation"]
    onset, end = (1e-3 * np.array(told[k], float) for k in ("onset_ms", "end_ms"))
    shape = (len(n_steps), len(plain.actuator_names))
    peak, peak_at, recovery, left = np.full((4, len(n_steps)), np.nan)
    latency, mean_change = np.full((2, *shape), np.nan)
    for c in np.flatnonzero(np.isfinite(onset)):
        n = int(n_steps[c])
        since = np.round(1e3 * (plain.time[:n] - onset[c]), 6)
        after = since >= 0
        d = np.where(after, deviation[c, :n], 0.0)
        peak[c], peak_at[c] = d.max(), max(0.0, since[int(d.argmax())])
        recovery[c] = recovered_ms(d, since, max(settings.recovered_share * peak[c], settings.recovered_mm))
        left[c] = d[after & (since >= since[-1] - settings.end_ms)].mean()
        differs = (np.abs(change[c, :n]) > settings.response) & after[:, None]
        latency[c] = np.where(differs.any(axis=0), since[differs.argmax(axis=0)], np.inf)
        within = after & (since <= settings.window_ms) & np.isfinite(change[c, :n]).all(axis=-1)
        if within.any():
            mean_change[c] = change[c, :n][within].mean(axis=0)
    return Response(
        label=label,
        kind=told["name"],
        settings=told["settings"],
        rate_hz=rate,
        onset=onset,
        end=end,
        deviation_mm=deviation,
        change=change,
        peak_mm=peak,
        peak_ms=peak_at,
        recovery_ms=recovery,
        left_mm=left,
        latency_ms=latency,
        mean_change=mean_change,
        error_mm=_errors(plain, perturbed, at, onset, end),
    )


def _motor_delay_ms(rollouts: Rollouts) -> float:
    """By how much excitation reaches the muscles later than it is sent; 0 if the rollouts hold no training run."""
    settings = rollouts.provenance.get("run", {}).get("plan", {}).get("settings", {})
    return settings.get("task", {}).get("motor_delay_ms", 0.0)


def recovered_ms(deviation: np.ndarray, since: np.ndarray, threshold: float) -> float:
    """Return the time (ms) from which on a deviation stays at or below the threshold; inf if it ends above.

    Args:
        deviation: (step,) 0 before the onset.
        since: (step,) ms since the onset.
    """
    above = np.flatnonzero(deviation > threshold)
    if not above.size:
        return 0.0
    return float(since[above[-1] + 1]) if above[-1] + 1 < len(since) else np.inf


def _errors(plain: Rollouts, perturbed: Rollouts, at: Sequence[int], onset: np.ndarray, end: np.ndarray):
    """Tracking error of both before, during and after the perturbation."""
    time = plain.time[None]
    struck = np.isfinite(onset)[:, None]
    windows = {
        "before": struck & (time < onset[:, None] - 1e-9),
        "during": struck & (time >= onset[:, None] - 1e-9) & (time <= end[:, None] + 1e-9),
        "after": struck & (time > end[:, None] + 1e-9),
    }
    return {
        name: tuple(_mean(r.error_mm[..., at].mean(axis=-1)[where]) for r in (plain, perturbed))
        for name, where in windows.items()
    }


def _mean(a: np.ndarray) -> float:
    return float(np.nanmean(a)) if np.isfinite(a).any() else float("nan")


def median(a: np.ndarray) -> float:
    """Median of the numbers that are not NaN; NaN where it is not finite: half of them, or more, never came."""
    a = a[~np.isnan(a)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of a number and inf
        middle = float(np.median(a)) if a.size else float("nan")
    return middle if np.isfinite(middle) else float("nan")


def _summary(r: Response, muscles: Sequence[str]) -> dict[str, Any]:
    struck = np.isfinite(r.onset)
    responds = np.isfinite(r.latency_ms[struck]).mean(axis=0)
    return {
        "clips": int(struck.sum()),
        "peak_mm": {"mean": _mean(r.peak_mm), "sd": float(np.nanstd(r.peak_mm)), "max": float(np.nanmax(r.peak_mm))},
        "peak_ms": median(r.peak_ms),
        "recovered": float(np.isfinite(r.recovery_ms[struck]).mean()),
        "recovery_ms": median(r.recovery_ms),
        "left_mm": _mean(r.left_mm),
        "error_mm": {w: {"undisturbed": e[0], "perturbed": e[1]} for w, e in r.error_mm.items()},
        "muscles": {
            name: {
                "responds": float(responds[i]),
                "latency_ms": median(r.latency_ms[:, i]),
                "mean_change": _mean(r.mean_change[:, i]),
            }
            for i, name in enumerate(muscles)
        },
    }


def _recovery_table(of: Mapping[str, dict[str, Any]], settings: Recovery) -> Table:
    columns = ("perturbation", "clips", "peak (mm)", "SD (mm)", "peak at (ms)", "recovered (%)", "recovery (ms)")
    return Table(
        columns=(*columns, "left (mm)"),
        rows=[
            (
                label,
                s["clips"],
                s["peak_mm"]["mean"],
                s["peak_mm"]["sd"],
                s["peak_ms"],
                100 * s["recovered"],
                s["recovery_ms"],
                s["left_mm"],
            )
            for label, s in of.items()
        ],
        caption="Deviation from the undisturbed course. Times are medians over clips since the perturbation's onset; "
        f"recovered: the deviation stays below {100 * settings.recovered_share:g} % of its peak or "
        f"{settings.recovered_mm:g} mm, whichever is larger (nan: half the clips or more do not recover); left: mean "
        f"of the last {settings.end_ms:g} ms of a clip, or of all since a later onset.",
    )


def _muscle_table(of: Mapping[str, dict[str, Any]], settings: Recovery) -> Table:
    return Table(
        columns=("perturbation", "muscle", "responds (%)", "latency (ms)", f"mean change of {settings.signal}"),
        rows=[
            (label, name, 100 * m["responds"], m["latency_ms"], m["mean_change"])
            for label, s in of.items()
            for name, m in s["muscles"].items()
        ],
        caption=f"Muscles whose {settings.signal} differs by more than {settings.response:g} from the undisturbed "
        "one: share of clips, median latency since the onset (nan: in half the clips or more it never does), and mean "
        f"change over the first {settings.window_ms:g} ms.",
    )


def _tracking_table(of: Mapping[str, dict[str, Any]]) -> Table:
    return Table(
        columns=("perturbation", "window", "undisturbed (mm)", "perturbed (mm)"),
        rows=[
            (label, window, *error.values())
            for label, s in of.items()
            for window, error in s["error_mm"].items()
            if np.isfinite(list(error.values())).all()  # what lasts throughout has no before and after
        ],
        caption="Tracking error, the distance from the registered reference, before, during and after the "
        "perturbation, in the same windows of both rollouts.",
    )


def _clip_table(found: Sequence[Response], plain: Rollouts) -> Table:
    rows = [
        (r.label, name, plain.split[c], 1e3 * r.onset[c], r.peak_mm[c], r.peak_ms[c], r.recovery_ms[c], r.left_mm[c])
        for r in found
        for c, name in enumerate(plain.clip_names)
    ]
    columns = ("perturbation", "clip", "split", "onset (ms)", "peak (mm)", "peak at (ms)", "recovery (ms)", "left (mm)")
    return Table(columns=columns, rows=rows, caption="Every clip; inf: it does not recover; nan: it was left alone.")


def _told(r: Response) -> str:
    settings = ", ".join(f"{k} {_plain(v)}" for k, v in r.settings.items() if v not in (None, "", [], ()))
    return f"{r.label} ({r.kind}: {settings})"


def _until(plain: Rollouts, settings: Recovery) -> str:
    if settings.signal != "excitation":
        return ""
    delay = _motor_delay_ms(plain)
    before = f", {delay:g} ms before it reaches the muscles" if delay else ""
    return f" to the instant at which the controller sends it{before}"


def _methods(plain: Rollouts, found: Sequence[Response], keypoints: Sequence[str], settings: Recovery) -> str:
    return (
        f"{len(plain.clip_names)} clips were rolled out in closed loop at {plain.rate_hz:g} Hz (simulator "
        f"{plain.simulator}) without a disturbance and with each of: {'; '.join(map(_told, found))}. The controller "
        f"was not trained again. Deviation is the mean distance of {', '.join(keypoints)} between the two rollouts of "
        "a clip at the same instant, in millimetres of the animal. A movement has recovered once its deviation stays "
        f"below {100 * settings.recovered_share:g} % of its peak or {settings.recovered_mm:g} mm, whichever is larger, "
        f"until the clip's end; what is left is the mean of its last {settings.end_ms:g} ms, or of all since a later "
        f"onset. A muscle responds once its {settings.signal} differs by more than {settings.response:g} from that of "
        f"the undisturbed rollout; its latency counts from the perturbation's onset{_until(plain, settings)}. Mean "
        f"changes are over the first {settings.window_ms:g} ms. Times are medians over clips. Rollouts of a controller "
        "that acts deterministically are the same until the onset: what differs later was caused by the perturbation."
    )
