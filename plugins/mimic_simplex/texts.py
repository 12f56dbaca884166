"""Words: what is forecast from what, and the methods texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mimic_core import Emg
from mimic_simplex.findings import CrossMap, Nonlinearity
from mimic_simplex.local_maps import Vectors
from mimic_simplex.settings import CCMSettings, Settings, SMapSettings, SweepSettings

_SIGNALS = {
    "activation": "muscle activation",
    "excitation": "muscle excitation",
    "action": "action",
    "muscle_force": "muscle force",
}
_EMBEDDING = "delay-embedded (Takens 1981, doi:10.1007/BFb0091924)"
_PROJECTION = "simplex projection (Sugihara & May 1990, doi:10.1038/344734a0)"


def source_words(settings: Settings) -> str:
    """What it is forecast from."""
    joints = "joint angles" if settings.kinematics == "rollout" else "reference joint angles"
    both = {"joints": joints, "muscles": _SIGNALS[settings.signal], "both": f"{joints} and {_SIGNALS[settings.signal]}"}
    return both[settings.predictors]


def target_words(settings: Settings) -> str:
    """What is forecast."""
    return "EMG" if settings.predict == "emg" else _SIGNALS[settings.signal]


def target_unit(settings: Settings) -> str:
    """Unit of what is forecast."""
    if settings.standardize == "trial":
        return "z-score"
    if settings.predict == "emg":
        return "share of reference amplitude"
    return {"muscle_force": "N", "action": "−1 to 1"}.get(settings.signal, "0 to 1")


def title(variable: str) -> str:
    """``muscle:Biceps_Long`` → ``Biceps_Long``, ``emg:biceps`` → ``EMG biceps``."""
    kind, _, name = variable.partition(":")
    return f"EMG {name}" if kind == "emg" else name


def _listed(variables: Iterable[str]) -> str:
    return ", ".join(map(title, variables))


def _split(how: str, seed: int) -> str:
    return {
        "rollouts": "the training clips formed the library and the held-out clips were predicted",
        "fraction": f"clips were assigned at random (seed {seed}) to library and prediction",
        "leave_one_out": "each clip was predicted from all others",
        "library": "each training clip was predicted from the other training clips; held-out clips took no part",
    }[how]


def _read(signal: str, rate_hz: float, control_rate_hz: float) -> str:
    how = "averaged over each sample" if signal in ("excitation", "action") else "read at each sample"
    return f"Rollouts at {control_rate_hz:g} Hz were analysed at {rate_hz:g} Hz ({_SIGNALS[signal]} {how})."


def simplex_methods(metrics: dict[str, Any], settings: Settings, control_rate_hz: float, emg: Emg | None) -> str:
    """Methods text of `simplex`."""
    n, s = metrics["n"], metrics["settings"]
    ms = 1e3 / settings.rate_hz
    scaled = {
        "none": "Predictors were used as they are.",
        "library": "Predictors were z-scored with the mean and SD of the library.",
        "trial": "Predictors and targets were z-scored within each clip.",
    }[settings.standardize]
    columns = [*s["joints"], *s["muscles"]]
    short = f" Too short to be used: {', '.join(n['clips_too_short'])}." if n["clips_too_short"] else ""
    recorded = ""
    if settings.predict == "emg" and emg is not None:
        recorded = (
            f" EMG at {emg.rate_hz:g} Hz was matched to clips by name ({n['clips_left_out']} clips had none) and "
            "averaged over the sample period around each instant; samples begin at the first of the EMG."
        )
        if emg.synthetic:
            recorded += " This EMG is synthetic."
    return (
        f"{target_words(settings)[0].upper()}{target_words(settings)[1:]} was forecast from {source_words(settings)} "
        f"by {_PROJECTION}. {_read(settings.signal, settings.rate_hz, control_rate_hz)}{recorded} Each of the "
        f"{len(columns)} predictors ({', '.join(columns)}) was {_EMBEDDING} with E = {settings.E} and tau = "
        f"{settings.tau} ({-settings.tau * ms:g} ms into the past), giving vectors of {len(columns) * settings.E} "
        f"coordinates. {scaled} The target Tp = {settings.Tp} samples ({settings.Tp * ms:g} ms) ahead is the average "
        f"over the {settings.k} nearest library vectors, weighted by exp(-d/d_min). Clips were never mixed: "
        f"{_split(s['split'], settings.seed)} ({n['library_clips']} and {n['predicted_clips']} clips, "
        f"{n['library_samples']} library samples, {n['predictions']} predictions), and neither a delay nor a forecast "
        f"reaches from one clip into another. Null models forecast the "
        "same instants: the target's last value (persistence); the mean of the library's clips at the same time (mean "
        "course); a least-squares linear map of the same delay vectors; one of the target's own past at the same "
        f"delays; the projection from another predicted clip at the same time, drawn at random ({settings.surrogates} "
        f"repeats); and the projection with the library's targets permuted ({settings.shuffles} repeats, seed "
        f"{settings.seed}). A clip that is predicted from all others is left out of its null models too. Differences "
        "in rho have 95 % intervals over predicted trials (jackknife). "
        "Accuracy is Spearman's rho and Pearson's r over all predictions together; samples within a clip are not "
        f"independent. {_checked(metrics['pyEDM'])}{short}"
    )


def _checked(peer: dict[str, Any]) -> str:
    if not peer:
        return ""
    return (
        f"pyEDM {peer['version']} made {peer['compared']} of the forecasts too; the largest difference was "
        f"{peer['largest_difference']:.1g}."
    )


def sweep_methods(metrics: dict[str, Any], settings: SweepSettings) -> str:
    """Methods text of `simplex_sweep`."""
    s, cells = metrics["settings"], metrics["cells"]
    source = "its own past" if settings.predictors == "self" else "all joint angles"
    chosen = (
        ""
        if s["split"] in ("library", "leave_one_out")
        else " The best cell was chosen on the predicted clips themselves and needs others to be tested on."
    )
    return (
        f"Each variable ({_listed(s['variables'])}) was forecast from {source} by {_PROJECTION} for every combination "
        f"of {len(settings.E)} embedding dimensions (E {min(settings.E)} to {max(settings.E)}), {len(settings.tau)} "
        f"delays (tau {max(settings.tau)} to {min(settings.tau)}) and {len(settings.Tp)} horizons (Tp "
        f"{min(settings.Tp)} to {max(settings.Tp)}) in samples of {1e3 / settings.rate_hz:g} ms; muscles stand for "
        f"their {_SIGNALS[settings.signal]}, and E + 1 neighbours were averaged. Of the clips, "
        f"{_split(s['split'], settings.seed)}; no delay, neighbour's target or forecast reaches from one clip into "
        f"another. {cells['undefined']} of {cells['all']} cells have no number; the table 'undefined' counts them by "
        f"reason. A cell whose predictions are fewer than {100 * settings.least:g} % of the most that a cell has, or "
        "fewer than 5, counts as undefined: long embeddings and horizons leave only the ends of the clips. The best "
        f"cell has the highest Spearman's rho.{chosen} {_checked(metrics['pyEDM'])}"
    )


def smap_methods(found: dict[str, Nonlinearity], vectors: dict[str, Vectors], how: str, settings: SMapSettings) -> str:
    """Methods text of `smap`."""
    from importlib.metadata import version

    ms = 1e3 / settings.rate_hz
    source = "its own past" if settings.predictors == "self" else "all joint angles"
    first = next(iter(vectors.values()))
    return (
        f"Each variable ({_listed(found)}) was forecast Tp = {settings.Tp} samples ({settings.Tp * ms:g} ms) ahead "
        f"from {source}, {_EMBEDDING} with E = {settings.E} and tau = {settings.tau} ({-settings.tau * ms:g} ms), by "
        f"S-map (Sugihara 1994, doi:10.1098/rsta.1994.0106; pyEDM {version('pyEDM')}): a linear map fitted to all "
        f"library vectors, weighted by exp(-theta d / mean d), for {len(settings.theta)} values of theta from 0 (one "
        f"linear map) to {max(settings.theta):g}. Muscles stand for their {_SIGNALS[settings.signal]}; samples are "
        f"{ms:g} ms apart, and {_split(how, settings.seed)} ({first.library} library vectors, {len(first.clip)} "
        "predictions of the first variable). For the test, theta was chosen for each predicted clip by the mean Fisher "
        "z of Spearman's rho over the other predicted clips; the gain is z at that theta less z at theta 0, averaged "
        f"over clips, with a 95 % interval from {settings.resamples} bootstrap samples of the clips (seed "
        f"{settings.seed}). A variable is called nonlinear if the whole interval lies above 0. Few clips make the "
        "interval rough, and noise alone may favour small theta."
    )


def ccm_methods(found: dict[tuple[str, str], CrossMap], n: int, settings: CCMSettings) -> str:
    """Methods text of `ccm`; n clips."""
    from mimic_simplex.drive import REACH

    ms = 1e3 / settings.rate_hz
    first = next(iter(found.values()))
    given = _listed(settings.given)
    third = given or "two principal components of all other joints and muscles"
    more = f" and of {given}" if given else ""
    return (
        "Joints and muscles were cross-mapped both ways (Sugihara et al. 2012, doi:10.1126/science.1227079): the "
        f"values of one variable are read at the E + 1 nearest neighbours, in time, of the delay vectors of the other "
        f"(E = {settings.E}, tau = {settings.tau}, {-settings.tau * ms:g} ms; Tp = {settings.Tp}), weighted as in "
        f"simplex projection. Muscles stand for their {_SIGNALS[settings.signal]} at {settings.rate_hz:g} Hz. A "
        f"library is a random set of clips ({', '.join(map(str, first.sizes))} of {n}), {settings.draws} draws of each "
        f"size (seed {settings.seed}); all clips are mapped, none from itself, and no vector reaches from one clip "
        "into another. A mapping converges if its mean Spearman's rho rises with library size (Kendall's tau above 0, "
        "one-sided p < 0.05), the gain from the smallest to the largest library has a 95 % interval (t over draws of "
        "the library) above 0, and rho at the largest is above 0. Two surrogates of the mapped variable "
        "(largest library) say what else explains the mapping. In the first "
        f"({settings.surrogates} repeats), that of another clip at the same time replaces it: repetition of one "
        "movement; a mapping goes beyond it above the 95th percentile. In the second "
        f"({settings.drive_surrogates} repeats), each clip keeps what a "
        "drive shared by both variables in that clip may explain, and only the remainder comes from another clip at "
        "the same time. Kept are the mean course over clips, the cosines of the clip below "
        f"{settings.drive_hz:g} Hz, and what a quadratic map of the other variable{more}, {REACH} samples before to "
        f"{REACH} after, explains of the rest; instants nearer to the ends of a clip are not scored. A nonlinear "
        "relation that is fast within a trial can exceed this surrogate; a linear influence cannot be told from a "
        "shared drive and does not. The p value is the share of these surrogates that do as well; q "
        f"is p with the false-discovery rate controlled over all {len(found)} mappings (Benjamini & Hochberg 1995). "
        "Partial cross mapping (after Leng et al. 2020, doi:10.1038/s41467-020-16238-0) is Spearman's partial "
        "correlation, in each clip, between a variable and its values mapped from the other, given its values mapped "
        f"from {third}; mean and 95 % interval (t) are over the clips, not over animals or days."
    )
