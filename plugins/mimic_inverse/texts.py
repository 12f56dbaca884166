"""Words of the inverse analysis: what was found, and how."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mimic_core import Headline, ReferenceClips
from mimic_inverse.findings import Found
from mimic_inverse.settings import Settings
from mimic_static_optimisation import SOLUTIONS

SOLUTION_NAMES = tuple(SOLUTIONS)
DIFFERENCE = "controller beside {}: mean absolute difference"
EFFORT = "controller's effort over the least for its own torques"
"""Labels of headlines."""


def named(solution: str) -> str:
    """A solution in a sentence."""
    return f"least {SOLUTIONS[solution]}"


def sentence(found: Found, headlines: Sequence[Headline]) -> str:
    """What was found, with its null models and those that do as well."""
    of = {h.label: h for h in headlines}
    first = headlines[0]
    out = [
        f"In {100 * found.infeasible:.3g} % of the frames no activation gives the torque of the registered movement; "
        f"by {named(next(iter(found.solutions)))} the muscles leave {first.value:.3g} % of it{_beside(first)}."
    ]
    for label, words in (
        (
            DIFFERENCE.format(named(next(iter(found.solutions)))),
            "On average the controller's activation differs from it by {:.3g}",
        ),
        (EFFORT, "The controller's effort is {:.3g} times the least for its own torques"),
    ):
        if label in of and of[label].value is not None:
            out.append(words.format(of[label].value) + _beside(of[label]) + ".")
    return " ".join(out)


def _beside(headline: Headline) -> str:
    """Null models of a number, in brackets."""
    nulls = "; ".join(f"{k}: {v:.3g}" for k, v in headline.nulls.items() if v is not None)
    as_good = f", as good or better: {', '.join(headline.unbeaten)}" if headline.unbeaten else ""
    return f" ({nulls}{as_good})" if nulls else ""


def captions(found: Found, settings: Settings) -> dict[str, str]:
    """Figure → what it shows."""
    first = SOLUTIONS[next(iter(found.solutions))]
    beside = ", the controller" if found.beside is not None else ""
    emg = " and mean EMG (as recorded, no scale or shift fitted)" if found.recorded else ""
    return {
        "activation": "Activation of every muscle over time, mean over clips: the solutions of static optimisation"
        f"{beside}{emg}. Shaded: mean of the least and of the greatest activation that still gives the torques, over "
        f"the feasible frames ({100 * (1 - found.infeasible):.3g} % of all)." + _bars(found, settings),
        "torque": "Torque at every joint over time, mean over clips: what the movement needs (band: standard deviation "
        f"over clips), the parts that hold the pose and that overcome damping, and what the muscles give ({first}, "
        "passive force included).",
        "infeasible": "Share of clips in which the muscles cannot give the torque, over time, by solution: not with "
        "any activation at that instant, and with activation dynamics not either with one that they can reach.",
        "controller": "How far the controller's activation is from each solution (mean absolute difference) and how "
        "much of its variance an affine map of the solution explains, muscle by muscle; null models hollow.",
        "sensitivity": "Mean activation and positive work per clip of every muscle, with muscle parameters as they are "
        f"(line) and varied by up to {100 * settings.spread:g} % (dot: mean over {settings.bodies} bodies; whisker: "
        "standard deviation). Time constants were varied with activation dynamics, the others with "
        f"{SOLUTIONS[settings.compare]}.",
    }


def _bars(found: Found, settings: Settings) -> str:
    """What the dotted lines are; empty without any."""
    said = {SOLUTIONS.get(k, k): f"{settings.bodies} bodies (±{100 * settings.spread:g} %)" for k in found.bars}
    if found.controller is not None:
        said["controller"] = found.controller_said.removeprefix("mean ± SD over ")
    each = "; ".join(f"{name}, over {over}" for name, over in said.items())
    return f" Dotted: mean ± SD with other muscle parameters, all varied at once: {each}." if said else ""


def methods(found: Found, clips: ReferenceClips, settings: Settings) -> str:
    """How it was computed."""
    m = found.movement
    lowpass = (
        f"were low-passed at {settings.lowpass_hz:g} Hz (2nd-order Butterworth, forwards and backwards)"
        if 0 < settings.lowpass_hz < clips.rate_hz / 2
        else "were not filtered"
    )
    held = (m.beyond_deg > 0).any(axis=1).mean()
    text = (
        f"Registered joint angles of {len(m.n_frames)} clips at {m.rate_hz:g} Hz {lowpass}; velocities and "
        "accelerations are derivatives of cubic splines. Angles beyond a joint's limit were held at it "
        f"({100 * held:.3g} % of frames, by at most {m.beyond_deg.max():.3g}°), so that limits take no torque. "
        "MuJoCo's inverse dynamics gave the torque at every joint: inertia with armature, weight, springs and damping "
        "of the body; contacts were left out. "
        "Muscle force is gain(length, velocity) · activation + passive force(length) with MuJoCo's muscle model, "
        "torque is force times the moment arm. "
    )
    costs = [SOLUTIONS[k] for k in found.solutions if k != "dynamic"]
    if costs:
        text += f"Static optimisation: least {' or '.join(costs)} (Crowninshield & Brand 1981, on activations). "
    if "dynamic" in found.solutions:
        text += (
            "With activation dynamics: least Σa² over the whole clip, where from one frame to the next an activation "
            "rises and falls no faster than under full and no excitation (in the spirit of Thelen et al. 2003; "
            f"{settings.dynamic_rounds} rounds of linearisation). "
        )
    text += (
        "Activations were held in 0 to 1. What muscles do not give was left to a reserve at each joint, at a cost of "
        f"{settings.reserve_cost:g} times its square in units of the joint's root mean square torque. All frames of a "
        "clip were one program, solved by Clarabel (Goulart & Chen 2024). A frame whose reserve is above "
        f"{100 * settings.infeasible_share:g} % of that torque at any joint is infeasible. The feasible range of a "
        "muscle (Sohn et al. 2013) is the least and the greatest activation among all that give the same torques, by "
        f"two linear programs per muscle over all feasible frames of {len(m.evenly(settings.range_clips))} clips "
        "(HiGHS). "
    )
    if found.beside is not None:
        text += (
            "The controller's activation was read at the frames of the clips. Its effort was compared with the least "
            "Σa² that gives the torques of its own muscles in its own states, and with the middle of what is feasible: "
            "the mean of the activations at which each muscle is least or greatest. "
        )
    if found.recorded:
        text += "Mean activation was read at the instants of the mean EMG; nothing was shifted, scaled or stretched. "
    if found.varied:
        text += (
            f"Sensitivity: {settings.bodies} bodies each with maximum isometric force, width of the operating range, "
            "time constants of activation and deactivation, tendon slack length, or all of them varied by a factor "
            f"between 1/{1 + settings.spread:g} and {1 + settings.spread:g}, one for each muscle (log-uniform), tendon "
            f"slack by up to ±{settings.spread:g} of the optimum fibre length; seed {settings.seed}. "
        )
    if found.controller is not None:
        text += f"The controller was rolled out in altered bodies too: {found.controller_said}. "
    if found.load.root is not None:
        rms = np.sqrt((found.load.root[:, :3] ** 2).sum(axis=1).mean())
        text += (
            f"The free root would need {1e3 * rms:.3g} mN (root mean square) from outside; no muscle was asked for it. "
        )
    return text.strip()
