"""Which variables are forecast, and the samples of each."""

from __future__ import annotations

from collections.abc import Sequence

from mimic_core import Emg, Rollouts
from mimic_simplex.neighbours import Stack
from mimic_simplex.settings import CCMSettings, SMapSettings, SweepSettings
from mimic_simplex.trials import Signals, clips_of, split_clips, standardize, trials_of


def signals_of(
    name: str, rollouts: Rollouts, emg: Emg | None, settings: SweepSettings | SMapSettings | CCMSettings
) -> Signals:
    """Where the variables of an analysis come from."""
    return Signals(name, rollouts, emg, settings.signal, settings.kinematics, settings.rate_hz)


def variables_of(signals: Signals, wanted: Sequence[str]) -> tuple[str, ...]:
    """The variables named, else the muscles that the lab records with their EMG, or with the joints without EMG.

    EMG that is only a mean over trials cannot be forecast, so it is left out unless a user names it.
    """
    if wanted:
        return signals.variables(wanted)
    muscles = signals.recorded_muscles()
    emg = signals.pick("emg", (), "variables") if signals.emg and signals.emg.averaged_trials == 1 else ()
    return muscles + (emg or signals.pick("joint", (), "variables"))


def stacks_of(
    signals: Signals, variables: Sequence[str], settings: SweepSettings | SMapSettings
) -> tuple[dict[str, Stack], str]:
    """One stack for each variable, forecast from itself or from all joints, and how clips were split."""
    stacks, how = {}, ""
    for v in variables:
        predictors = (v,) if settings.predictors == "self" else signals.pick("joint", (), "joints")
        sides, how = split_clips(
            signals, settings.split, settings.held_out, settings.seed, clips_of(signals, (*predictors, v))
        )
        scaled = standardize(trials_of(signals, predictors, (v,), sides), "library")
        stacks[v] = Stack.of(scaled)
    return stacks, how


def synthetic(signals: Signals, variables: Sequence[str]) -> dict[str, bool]:
    """``{"synthetic": True}`` for metrics that come from made-up EMG, else nothing."""
    uses = any(v.startswith("emg:") for v in variables)
    return {"synthetic": True} if uses and signals.emg is not None and signals.emg.synthetic else {}
