"""Convergent cross mapping between joints and muscles, both ways, libraries counted in clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, Context, DataError, Inputs, Result, Table
from mimic_simplex import pool
from mimic_simplex.controls import derangement
from mimic_simplex.findings import FEWEST_SIZES, SIGNIFICANT, CrossMap
from mimic_simplex.neighbours import Cloud, Neighbours, Stack
from mimic_simplex.scores import spearman
from mimic_simplex.settings import CCMSettings
from mimic_simplex.trials import Source, clips_of, trials_of
from mimic_simplex.variables import source_of, synthetic

_TOO_FEW = (
    f"With fewer than {FEWEST_SIZES} library sizes convergence is undecided, as Kendall's p cannot fall below "
    f"{SIGNIFICANT}."
)
_ANSWERS = {True: "yes", False: "no", None: "undecided"}


def pairs_of(source: Source, wanted: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The pairs named, else every joint with every muscle that the lab records.

    Raises:
        ConfigError: an entry is not two variables.
    """
    if not wanted:
        return tuple((j, m) for j in source.pick("joint", (), "pairs") for m in source.recorded_muscles())
    pairs = []
    for entry in wanted:
        both = entry.split()
        if len(both) != 2 or both[0] == both[1]:
            raise ConfigError(
                f"analyze.ccm.pairs: {entry!r} is not two variables parted by a space, e.g. "
                f"'joint:{source.rollouts.joint_names[0]} muscle:{source.names('muscle')[0]}'"
            )
        source.variables(both, "pairs")
        pairs.append((both[0], both[1]))
    return tuple(pairs)


def sizes_of(n_clips: int, wanted: Sequence[int]) -> tuple[int, ...]:
    """Library sizes in clips, at most all but one.

    Where none are wanted they begin at 2 clips, or at 1 where that is needed for `FEWEST_SIZES` of them.

    Raises:
        DataError: fewer than two sizes are possible.
    """
    most = n_clips - 1
    least = 1 if most == FEWEST_SIZES else 2
    sizes = wanted or (np.unique(np.geomspace(least, most, 6).round().astype(int)) if most >= 2 else ())
    out = tuple(sorted({int(x) for x in sizes if x <= most}))
    if len(out) < 2:
        raise DataError(
            f"ccm: {n_clips} clips leave {len(out)} library size(s), 2 needed to see convergence; use more clips or "
            f"analyze.ccm.library_trials of at most {max(most, 0)}"
        )
    return out


def library_of(stack: Stack, settings: CCMSettings, size: int, rng: np.random.Generator) -> Neighbours | None:
    """Neighbours of every vector in a random library of ``size`` clips, never in its own clip.

    ``size`` + 1 clips are drawn: each clip among them is mapped from the others, each other clip from all but the last.

    Returns:
        None where that library has too few vectors.
    """
    drawn = rng.permutation(len(stack.clips))[: size + 1]
    inside = np.isin(stack.clip, drawn)
    part = Cloud(attrs.evolve(stack, library=inside), settings.E, settings.tau)
    ask = part.row[part.asked(settings.Tp)]
    left_out = np.where(inside[ask], stack.clip[ask], drawn[-1])[:, None]
    found = part.neighbours(settings.Tp, settings.E + 1, ask=ask, not_of=left_out)
    return found if len(found.row) else None


def cross_map(found: Neighbours, targets: np.ndarray) -> float:
    """Spearman's rho between a variable and its values mapped through these neighbours; targets (row,)."""
    observed, mapped = targets[found.row + found.Tp], found.forecast(targets[:, None])[:, 0]
    both = np.isfinite(observed) & np.isfinite(mapped)
    return spearman(observed[both], mapped[both]) if both.any() else float("nan")


def other_trials(stack: Stack, rng: np.random.Generator) -> np.ndarray:
    """(row,) the mapped variable, each clip's replaced by another clip's at the same time; NaN where that has ended."""
    donor = derangement(len(stack.clips), rng)
    value_at = np.full((len(stack.clips), stack.sample.max() + 1), np.nan)
    value_at[stack.clip, stack.sample] = stack.targets[:, 0]
    return value_at[donor[stack.clip], stack.sample]


def cross_maps(stack: Stack, names: tuple[str, str], sizes: Sequence[int], settings: CCMSettings) -> CrossMap:
    """Map the stack's target from its predictor over library sizes, and the surrogate at the largest."""
    rng = np.random.default_rng(settings.seed)
    rho = np.full((len(sizes), settings.draws), np.nan)
    found = None
    for i, size in enumerate(sizes):
        for draw in range(settings.draws):
            found = library_of(stack, settings, size, rng)
            rho[i, draw] = cross_map(found, stack.targets[:, 0]) if found else np.nan
    surrogate = [cross_map(found, other_trials(stack, rng)) if found else np.nan for _ in range(settings.surrogates)]
    return CrossMap(names[0], names[1], tuple(sizes), rho, np.array(surrogate))


def _job(stacks: dict[tuple[str, str], Stack], job: tuple) -> CrossMap:
    names, sizes, settings = job
    return cross_maps(stacks[names], names, sizes, settings)


def analysis(settings: CCMSettings):
    """Return ``analyse(inputs, context) -> Result``, which reads rollouts and, where there is some, EMG."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        source = source_of("ccm", inputs.one("rollouts"), inputs.maybe("emg"), settings)
        pairs = pairs_of(source, settings.pairs)
        stacks = {}
        for a, b in (p for pair in pairs for p in (pair, pair[::-1])):
            sides = dict.fromkeys(clips_of(source, (a, b)), (True, True))
            stacks[a, b] = Stack.of(trials_of(source, (a,), (b,), sides))
        jobs = [(names, sizes_of(len(s.clips), settings.library_trials), settings) for names, s in stacks.items()]
        found = pool.run(_job, jobs, stacks, settings.workers, context.progress)
        for m in found:
            if not np.isfinite(m.rho).all():
                raise DataError(
                    f"ccm: {m.mapped} from {m.library}: no number at {m.sizes[0]} clip(s); a variable is constant, or "
                    "E, tau and Tp need longer clips; use larger analyze.ccm.library_trials or a smaller analyze.ccm.E"
                )
        maps = {(m.library, m.mapped): m for m in found}
        return _result(pairs, maps, stacks, settings, synthetic(source, [v for pair in pairs for v in pair]))

    return analyse


def _result(
    pairs: Sequence[tuple[str, str]],
    found: dict[tuple[str, str], CrossMap],
    stacks: dict[tuple[str, str], Stack],
    settings: CCMSettings,
    origin: dict[str, bool],
) -> Result:
    from mimic_simplex import map_figures
    from mimic_simplex.texts import ccm_methods, title

    def of(m: CrossMap) -> dict[str, Any]:
        (gain, low, high), (tau, p) = m.gain, m.trend
        return {
            "rho": float(m.rho[-1].mean()),
            "rho_smallest": float(m.rho[0].mean()),
            "gain": gain,
            "gain_low": low,
            "gain_high": high,
            "kendall_tau": tau,
            "p": p,
            "surrogate": float(m.surrogate.mean()),
            "surrogate_95": float(np.quantile(m.surrogate, 0.95)),
            "converges": m.converges,
            "beyond_repetition": m.beyond_repetition,
        }

    metrics = {f"{title(m.mapped)} from {title(m.library)}": of(m) for m in found.values()}
    sizes = sorted({m.sizes for m in found.values()})
    return Result(
        metrics={
            **metrics,
            "settings": {
                **attrs.asdict(settings),
                "pairs": [" ".join(p) for p in pairs],
                "library_trials": [list(s) for s in sizes],
            },
            **origin,
        },
        tables={
            "ccm": Table(
                columns=(
                    "mapped",
                    "from",
                    "rho",
                    "rho, smallest library",
                    "p",
                    "surrogate, 95th %",
                    "converges",
                    "beyond it",
                ),
                rows=[
                    (
                        title(m.mapped),
                        title(m.library),
                        row["rho"],
                        row["rho_smallest"],
                        row["p"],
                        row["surrogate_95"],
                        _ANSWERS[m.converges],
                        _ANSWERS[m.beyond_repetition],
                    )
                    for m, row in zip(found.values(), metrics.values(), strict=True)
                ],
                caption="Cross mapping at the largest and smallest library. Where 'mapped' is recovered from 'from' "
                "and the more so the larger the library, 'mapped' acts on 'from'. The surrogate tells what the "
                "repetition of one movement explains; 'beyond it' says whether rho is above its 95th percentile. "
                f"{_TOO_FEW}",
            ),
            "convergence": Table(
                columns=("mapped", "from", "library (clips)", "Spearman rho (mean)", "rho (SD over draws)"),
                rows=[
                    (title(m.mapped), title(m.library), size, float(rho.mean()), float(rho.std(ddof=1)))
                    for m in found.values()
                    for size, rho in zip(m.sizes, m.rho, strict=True)
                ],
                caption=f"Cross mapping over library size, {settings.draws} random libraries each.",
            ),
        },
        figures={"convergence": map_figures.convergence(pairs, found)},
        captions={
            "convergence": f"Spearman's rho of cross mapping over library size: mean and 95 % interval of "
            f"{settings.draws} random libraries. Dashed: the trial-shuffled surrogate at the largest library, mean and "
            "95th percentile (bar), which is what the repetition of one movement explains."
        },
        methods=f"{ccm_methods(found, stacks, settings)} {_TOO_FEW}",
    )
