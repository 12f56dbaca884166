"""Convergent cross mapping between joints and muscles, both ways, libraries counted in clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core import ConfigError, DataError, Emg, Result, Rollouts, Table
from mimic_core.records import half_width
from mimic_simplex import pool
from mimic_simplex.analysis import derangement
from mimic_simplex.neighbours import Cloud, Neighbours, Stack
from mimic_simplex.scores import spearman
from mimic_simplex.sweep import source_of
from mimic_simplex.trials import Source, clips_of, trials_of

if TYPE_CHECKING:
    from mimic_simplex.settings import CCMSettings

SIGNIFICANT = 0.05
FEWEST_SIZES = 4
"""With n library sizes Kendall's one-sided p is at least 1/n!, so three can never be significant."""
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

    Without wish they begin at 2 clips, or at 1 where only so there are `FEWEST_SIZES`.

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


@attrs.frozen(eq=False)
class CrossMap:
    """One variable mapped from the delay vectors of another.

    Attributes:
        library: the variable whose delay vectors are searched.
        mapped: the variable that is read at their neighbours; it drives the other, if the mapping converges.
        sizes: (size,) library sizes, clips.
        rho: (size, draw) Spearman's rho.
        surrogate: (surrogate,) rho at the largest size with the mapped variable of other clips at the same time.
    """

    library: str
    mapped: str
    sizes: tuple[int, ...]
    rho: np.ndarray
    surrogate: np.ndarray

    @property
    def gain(self) -> tuple[float, float, float]:
        """Mean rho at the largest less that at the smallest library, and its 95 % interval (t over draws)."""
        gains = self.rho[-1] - self.rho[0]
        half = half_width(gains)
        return float(gains.mean()), float(gains.mean() - half), float(gains.mean() + half)

    @property
    def trend(self) -> tuple[float, float]:
        """Kendall's tau of mean rho over library size and its p value against no increase."""
        from scipy.stats import kendalltau

        found = kendalltau(self.sizes, self.rho.mean(1), alternative="greater")
        return float(found.statistic), float(found.pvalue)

    @property
    def converges(self) -> bool | None:
        """Rho rises with the library (Kendall's tau above 0, p < 0.05; gain above 0) and ends above 0.

        None where there are too few library sizes to tell.
        """
        if len(self.sizes) < FEWEST_SIZES:
            return None
        tau, p = self.trend
        return bool(tau > 0 and p < SIGNIFICANT and self.gain[1] > 0 and self.rho[-1].mean() > 0)

    @property
    def beyond_repetition(self) -> bool:
        """Rho at the largest library is above the 95th percentile of the surrogates."""
        return bool(self.rho[-1].mean() > np.quantile(self.surrogate, 0.95))


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
    """Return ``analyse(rollouts, emg=None, progress=None) -> Result`` for these settings."""

    def analyse(
        rollouts: Rollouts, emg: Emg | None = None, progress: Callable[[float, float], None] | None = None
    ) -> Result:
        source = source_of("ccm", rollouts, emg, settings)
        pairs = pairs_of(source, settings.pairs)
        stacks = {}
        for a, b in (p for pair in pairs for p in (pair, pair[::-1])):
            sides = dict.fromkeys(clips_of(source, (a, b)), (True, True))
            stacks[a, b] = Stack.of(trials_of(source, (a,), (b,), sides))
        jobs = [(names, sizes_of(len(s.clips), settings.library_trials), settings) for names, s in stacks.items()]
        found = pool.run(_job, jobs, stacks, settings.workers, progress)
        for m in found:
            if not np.isfinite(m.rho).all():
                raise DataError(
                    f"ccm: {m.mapped} from {m.library}: no number at {m.sizes[0]} clip(s); a variable is constant, or "
                    "E, tau and Tp need longer clips; use larger analyze.ccm.library_trials or a smaller analyze.ccm.E"
                )
        return _result(pairs, {(m.library, m.mapped): m for m in found}, stacks, settings)

    return analyse


def _result(
    pairs: Sequence[tuple[str, str]],
    found: dict[tuple[str, str], CrossMap],
    stacks: dict[tuple[str, str], Stack],
    settings: CCMSettings,
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
