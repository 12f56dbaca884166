"""Settings of the analyses."""

from __future__ import annotations

import attrs
from attrs.validators import and_, deep_iterable, ge, gt, in_, le, lt, min_len

SIGNALS = ("activation", "excitation", "action", "muscle_force")


def _signal():
    return attrs.field(default="activation", validator=in_(SIGNALS))


def _kinematics():
    return attrs.field(default="rollout", validator=in_(("rollout", "reference")))


def _rate():
    return attrs.field(default=200.0, validator=gt(0))


def _share():
    return attrs.field(default=0.3, validator=[gt(0), lt(1)])


def _count(default: int, least: int = 0):
    return attrs.field(default=default, validator=ge(least))


def _numbers(default: tuple, *validators):
    return attrs.field(default=default, validator=and_(min_len(1), deep_iterable(and_(*validators))))


@attrs.frozen
class Settings:
    """Settings of simplex projection.

    Attributes:
        predictors: forecast from ``joints``, from ``muscles``, or from ``both``.
        joints: joints to forecast from; none named means all.
        muscles: muscles (or other actuators) to forecast from; none named means all.
        predict: forecast the simulated ``muscles``, or the recorded ``emg`` of an EMG file given beside the rollouts.
        targets: muscles to forecast, EMG by the lab's names; none named means all.
        signal: what of a simulated muscle: ``activation``, ``excitation`` and ``action`` (averaged over each analysis
            sample), or ``muscle_force``.
        kinematics: joint angles of the ``rollout``, or of the registered animal (``reference``).
        E: number of delayed copies of each predictor.
        tau: delay between copies, analysis samples; negative means the past.
        Tp: how far ahead to forecast, analysis samples.
        neighbors: neighbours averaged over; 0 means E + 1.
        rate_hz: analysis rate, Hz; must divide the control rate.
        standardize: ``none`` leaves the predictors as they are, ``library`` z-scores them with mean and SD of the
            library, ``trial`` z-scores predictors and targets clip by clip, which looks ahead within a clip.
        split: ``rollouts`` takes the clips labelled train as library and those labelled held_out to predict;
            ``fraction`` draws them. Rollouts with one label only are split by fraction. ``leave_one_out`` predicts
            every clip from all others; ``library`` does so among the clips labelled train.
        held_out: share of clips to predict when drawn.
        shuffles: repeats of the shuffled control.
        surrogates: repeats of the trial-shuffled control.
        seed: of the draw and of the controls.
        show: muscles whose traces are drawn; none named means all.
    """

    predictors: str = attrs.field(default="joints", validator=in_(("joints", "muscles", "both")))
    joints: tuple[str, ...] = ()
    muscles: tuple[str, ...] = ()
    predict: str = attrs.field(default="muscles", validator=in_(("muscles", "emg")))
    targets: tuple[str, ...] = ()
    signal: str = _signal()
    kinematics: str = _kinematics()
    E: int = _count(2, 1)
    tau: int = attrs.field(default=-1, validator=lt(0))
    Tp: int = _count(5)
    neighbors: int = _count(0)
    rate_hz: float = _rate()
    standardize: str = attrs.field(default="library", validator=in_(("none", "library", "trial")))
    split: str = attrs.field(default="rollouts", validator=in_(("rollouts", "fraction", "leave_one_out", "library")))
    held_out: float = _share()
    shuffles: int = _count(20, 1)
    surrogates: int = _count(20, 1)
    seed: int = _count(0)
    show: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Number of neighbours."""
        return self.neighbors or self.E + 1


@attrs.frozen
class SweepSettings:
    """Settings of the sweep over embeddings and horizons.

    Attributes:
        variables: what is forecast, each from its own past: ``muscle:NAME``, ``joint:NAME``, ``emg:NAME``. None named
            means the muscles that the lab records, and their EMG where it is given, else the joints.
        predictors: ``self`` forecasts each variable from its own past; ``joints`` forecasts it from all joints.
        E: numbers of delayed copies.
        tau: delays between copies, analysis samples; negative means the past.
        Tp: how far ahead to forecast, analysis samples.
        signal: what of a simulated muscle, see the analysis `simplex`.
        kinematics: joint angles of the ``rollout``, or of the registered animal (``reference``).
        rate_hz: analysis rate, Hz; must divide the control rate.
        split: see the analysis `simplex`. ``library`` leaves the held-out clips for a test of what is chosen here.
        held_out: share of clips to predict when drawn.
        least: a cell with fewer predictions than this share of the most that any cell has is left undefined.
        check: cells that are computed with pyEDM as well, drawn at random.
        shuffles: repeats of the shuffled control of each variable's best cell.
        surrogates: repeats of its trial-shuffled control.
        workers: processes; 0 means one for each core.
        seed: of the draws.
    """

    variables: tuple[str, ...] = ()
    predictors: str = attrs.field(default="self", validator=in_(("self", "joints")))
    E: tuple[int, ...] = _numbers(tuple(range(1, 13)), ge(1))
    tau: tuple[int, ...] = _numbers(tuple(range(-1, -9, -1)), lt(0))
    Tp: tuple[int, ...] = _numbers(tuple(range(1, 16)), ge(0))
    signal: str = _signal()
    kinematics: str = _kinematics()
    rate_hz: float = _rate()
    split: str = attrs.field(default="library", validator=in_(("rollouts", "fraction", "leave_one_out", "library")))
    held_out: float = _share()
    least: float = attrs.field(default=0.1, validator=[ge(0), le(1)])
    check: int = _count(8)
    shuffles: int = _count(20, 1)
    surrogates: int = _count(20, 1)
    workers: int = _count(0)
    seed: int = _count(0)


@attrs.frozen
class SMapSettings:
    """Settings of the S-map test for nonlinearity.

    Attributes:
        variables: what is forecast: ``muscle:NAME``, ``joint:NAME``, ``emg:NAME``; none named as in `simplex_sweep`.
        predictors: ``self`` forecasts each variable from its own past; ``joints`` forecasts it from all joints.
        E: number of delayed copies.
        tau: delay between copies, analysis samples; negative means the past.
        Tp: how far ahead to forecast, analysis samples.
        theta: how local the linear map is, 0 for one map of all; must contain 0.
        signal: what of a simulated muscle, see the analysis `simplex`.
        kinematics: joint angles of the ``rollout``, or of the registered animal (``reference``).
        rate_hz: analysis rate, Hz; must divide the control rate.
        split: ``rollouts`` predicts the clips labelled held_out from those labelled train; ``fraction`` draws them.
        held_out: share of clips to predict when drawn.
        resamples: bootstrap samples of the predicted clips.
        shuffles: repeats of the shuffled control.
        surrogates: repeats of the forecast from another clip.
        workers: processes; 0 means one for each core.
        seed: of the draws.
    """

    variables: tuple[str, ...] = ()
    predictors: str = attrs.field(default="self", validator=in_(("self", "joints")))
    E: int = _count(3, 1)
    tau: int = attrs.field(default=-1, validator=lt(0))
    Tp: int = _count(5)
    theta: tuple[float, ...] = _numbers((0.0, 0.1, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0), ge(0))
    signal: str = _signal()
    kinematics: str = _kinematics()
    rate_hz: float = _rate()
    split: str = attrs.field(default="rollouts", validator=in_(("rollouts", "fraction")))
    held_out: float = _share()
    resamples: int = _count(2000, 100)
    shuffles: int = _count(5, 1)
    surrogates: int = _count(20, 1)
    workers: int = _count(0)
    seed: int = _count(0)

    @theta.validator
    def _has_zero(self, attribute: attrs.Attribute, theta: tuple[float, ...]) -> None:
        if not theta or 0 not in theta or min(theta) < 0 or len(set(theta)) < 2:
            raise ValueError(f"theta must contain 0 (the linear map) and values above it, got {theta}")


@attrs.frozen
class CCMSettings:
    """Settings of convergent cross mapping.

    Attributes:
        pairs: pairs as ``joint:NAME muscle:NAME``, two variables parted by a space, each mapped from the other; none
            named means every joint with every muscle that the lab records.
        E: number of delayed copies.
        tau: delay between copies, analysis samples; negative means the past.
        Tp: offset of what is mapped, analysis samples; 0 maps the same instant.
        library_trials: library sizes, clips; those larger than all clips but one are left out. None named means
            six sizes, evenly spaced in logarithm, from 2 (from 1 with five clips) to all but one.
        draws: random libraries of each size.
        surrogates: repeats of the trial-shuffled control.
        drive_surrogates: repeats of the surrogate that keeps a shared drive; p cannot fall below 1 / (repeats + 1).
        drive_hz: what is slower than this within a trial may be a shared drive and stays in its surrogate.
        given: third variables, ``kind:name``. What they explain stays in the surrogate of the shared drive, and partial
            cross mapping is given them. None named: partial cross mapping is given two principal components of all
            other joints and muscles, and the surrogate keeps nothing for them.
        false_discoveries: share of false ones among the mappings said to go beyond a shared drive.
        signal: what of a simulated muscle, see the analysis `simplex`.
        kinematics: joint angles of the ``rollout``, or of the registered animal (``reference``).
        rate_hz: analysis rate, Hz; must divide the control rate.
        workers: processes; 0 means one for each core.
        seed: of the draws.
    """

    pairs: tuple[str, ...] = ()
    E: int = _count(3, 1)
    tau: int = attrs.field(default=-1, validator=lt(0))
    Tp: int = _count(0)
    library_trials: tuple[int, ...] = attrs.field(default=(), validator=deep_iterable(ge(1)))
    draws: int = _count(20, 2)
    surrogates: int = _count(100, 1)
    drive_surrogates: int = _count(999, 19)
    drive_hz: float = attrs.field(default=20.0, validator=ge(0))
    given: tuple[str, ...] = ()
    false_discoveries: float = attrs.field(default=0.02, validator=[gt(0), lt(1)])
    signal: str = _signal()
    kinematics: str = _kinematics()
    rate_hz: float = _rate()
    workers: int = _count(0)
    seed: int = _count(0)
