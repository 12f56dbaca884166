"""Convergent cross mapping between joints and muscles, both ways, libraries counted in clips."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from mimic_core import ConfigError, Context, DataError, Inputs, Result
from mimic_simplex import pool
from mimic_simplex.drive import of_other_clips, split, surrogates
from mimic_simplex.findings import FEWEST_SIZES, CrossMap
from mimic_simplex.neighbours import Cloud, Neighbours, Stack
from mimic_simplex.scores import spearman
from mimic_simplex.settings import CCMSettings
from mimic_simplex.trials import Signals, clips_of, trials_of
from mimic_simplex.variables import signals_of, synthetic


def pairs_of(signals: Signals, wanted: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The pairs named, else every joint with every muscle that the lab records.

    Raises:
        ConfigError: an entry is not two variables.
    """
    if not wanted:
        return tuple((j, m) for j in signals.pick("joint", (), "pairs") for m in signals.recorded_muscles())
    pairs = []
    for entry in wanted:
        both = entry.split()
        if len(both) != 2 or both[0] == both[1]:
            raise ConfigError(
                f"analyze.ccm.pairs: {entry!r} is not two variables parted by a space, e.g. "
                f"'joint:{signals.rollouts.joint_names[0]} muscle:{signals.names('muscle')[0]}'"
            )
        signals.variables(both, "pairs")
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
    return spearman(observed[both], mapped[both])


def other_trials(stack: Stack, rng: np.random.Generator) -> np.ndarray:
    """(row,) the mapped variable, each clip's replaced by another clip's at the same time; NaN where that has ended."""
    return of_other_clips(stack, stack.targets[:, 0], rng)


def components(third: np.ndarray, n: int = 2) -> np.ndarray:
    """(row, at most n) principal components of series (row, series), each scaled to unit variance first."""
    spread = third.std(axis=0)
    scaled = (third - third.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    u, s, _ = np.linalg.svd(scaled, full_matrices=False)
    return u[:, :n] * s[:n]


def partial_map(stack: Stack, found: Neighbours, third: np.ndarray, settings: CCMSettings) -> np.ndarray:
    """(clip,) partial cross mapping (Leng et al. 2020), one number for each clip.

    It is Spearman's partial correlation between the mapped variable and its values mapped from the other, given its
    values mapped from third series: what the other tells of it that they do not.

    Args:
        found: neighbours in the largest library.
        third: (row, series).
    """
    through = library_of(attrs.evolve(stack, predictors=third), settings, len(stack.clips) - 1, np.random.default_rng())
    out = np.full(len(stack.clips), np.nan)
    if through is None:
        return out
    row, ours, theirs = np.intersect1d(found.row, through.row, return_indices=True)
    targets = stack.targets[:, :1]
    three = np.stack(
        [targets[row + found.Tp, 0], found.forecast(targets)[ours, 0], through.forecast(targets)[theirs, 0]]
    )
    for clip in range(len(out)):
        observed, direct, given = three[:, stack.clip[row] == clip]
        a, b, c = spearman(observed, direct), spearman(observed, given), spearman(direct, given)
        rest = (1 - b**2) * (1 - c**2)
        out[clip] = (a - b * c) / np.sqrt(rest) if rest > 0 else np.nan
    return out


def cross_maps(
    stack: Stack, names: tuple[str, str], sizes: Sequence[int], settings: CCMSettings, third: np.ndarray | None = None
) -> CrossMap:
    """Map the stack's target from its predictor over library sizes, and its surrogates at the largest.

    Args:
        third: (row, series) of further variables.
    """
    rng = np.random.default_rng(settings.seed)
    parts = split(stack, settings.drive_hz, settings.rate_hz, third if settings.given else None)
    rho = np.full((len(sizes), settings.draws), np.nan)
    found = None
    for i, size in enumerate(sizes):
        for draw in range(settings.draws):
            found = library_of(stack, settings, size, rng)
            if found:
                found = found.of(parts.inner[found.row + found.Tp])
                rho[i, draw] = cross_map(found, stack.targets[:, 0])
    if found is None or not len(found.row):
        return CrossMap(*names, tuple(sizes), rho, np.full(1, np.nan), np.full(1, np.nan))
    other = np.array([cross_map(found, other_trials(stack, rng)) for _ in range(settings.surrogates)])
    drive = np.array([cross_map(found, y) for y in surrogates(stack, parts, settings.drive_surrogates, rng)])
    partial = np.zeros(0) if third is None else partial_map(stack, found, third, settings)
    return CrossMap(*names, tuple(sizes), rho, other, drive, partial)


def _job(stacks: dict[tuple[str, str], tuple[Stack, np.ndarray | None]], job: tuple) -> CrossMap:
    names, sizes, settings = job
    stack, third = stacks[names]
    return cross_maps(stack, names, sizes, settings, third)


def stack_of(signals: Signals, a: str, b: str, settings: CCMSettings) -> tuple[Stack, np.ndarray | None]:
    """The samples of a pair, b to be mapped from a, and of the third series (row, series); None without any.

    These are what the settings name, else two principal components of all other joints and muscles.
    """
    others = settings.given or (*signals.pick("joint", (), "pairs"), *signals.pick("muscle", (), "pairs"))
    others = tuple(x for x in others if x not in (a, b))
    sides = dict.fromkeys(clips_of(signals, (a, b, *others)), (True, True))
    stack = Stack.of(trials_of(signals, (a, *others), (b,), sides))
    third = stack.predictors[:, 1:]
    if third.shape[1] and not settings.given:
        third = components(third)
    return attrs.evolve(stack, predictors=stack.predictors[:, :1]), third if third.shape[1] else None


def analysis(settings: CCMSettings):
    """Return ``analyse(inputs, context) -> Result``, which reads rollouts and, where there is some, EMG."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_simplex.ccm_result import result_of

        signals = signals_of("ccm", inputs.one("rollouts"), inputs.maybe("emg"), settings)
        pairs = pairs_of(signals, settings.pairs)
        signals.variables(settings.given, "given")
        stacks = {(a, b): stack_of(signals, a, b, settings) for pair in pairs for a, b in (pair, pair[::-1])}
        jobs = [(names, sizes_of(len(s.clips), settings.library_trials), settings) for names, (s, _) in stacks.items()]
        found = pool.run(_job, jobs, stacks, settings.workers, context.progress)
        for m in found:
            if not np.isfinite(m.rho).all():
                raise DataError(
                    f"ccm: {m.mapped} from {m.library}: no number at {m.sizes[0]} clip(s); a variable is constant, or "
                    "E, tau and Tp need longer clips; use larger analyze.ccm.library_trials or a smaller analyze.ccm.E"
                )
        maps = {(m.library, m.mapped): m for m in found}
        n_clips = len(next(iter(stacks.values()))[0].clips)
        return result_of(pairs, maps, n_clips, settings, synthetic(signals, [v for pair in pairs for v in pair]))

    return analyse
