"""Which variables are forecast, and the samples of each."""

from __future__ import annotations

from collections.abc import Sequence

from mimic_core import Emg, Rollouts
from mimic_simplex.neighbours import Stack
from mimic_simplex.settings import CCMSettings, SMapSettings, SweepSettings
from mimic_simplex.trials import Source, clips_of, split_clips, standardize, trials_of


def source_of(
    name: str, rollouts: Rollouts, emg: Emg | None, settings: SweepSettings | SMapSettings | CCMSettings
) -> Source:
    """Where the variables of an analysis come from."""
    return Source(name, rollouts, emg, settings.signal, settings.kinematics, settings.rate_hz)


def variables_of(source: Source, wanted: Sequence[str]) -> tuple[str, ...]:
    """The variables named, else the muscles that the lab records with their EMG, or with the joints without EMG.

    EMG that is only a mean over trials cannot be forecast, so it is left out unless a user names it.
    """
    if wanted:
        return source.variables(wanted)
    muscles = source.recorded_muscles()
    emg = source.pick("emg", (), "variables") if source.emg and source.emg.averaged_trials == 1 else ()
    return muscles + (emg or source.pick("joint", (), "variables"))


def stacks_of(
    source: Source, variables: Sequence[str], settings: SweepSettings | SMapSettings
) -> tuple[dict[str, Stack], str]:
    """One stack for each variable, forecast from itself or from all joints, and how clips were split."""
    stacks, how = {}, ""
    for v in variables:
        predictors = (v,) if settings.predictors == "self" else source.pick("joint", (), "joints")
        sides, how = split_clips(
            source, settings.split, settings.held_out, settings.seed, clips_of(source, (*predictors, v))
        )
        scaled = standardize(trials_of(source, predictors, (v,), sides), "library")
        stacks[v] = Stack.of(scaled)
    return stacks, how


def synthetic(source: Source, variables: Sequence[str]) -> dict[str, bool]:
    """``{"synthetic": True}`` for metrics that come from made-up EMG, else nothing."""
    uses = any(v.startswith("emg:") for v in variables)
    return {"synthetic": True} if uses and source.emg is not None and source.emg.synthetic else {}
