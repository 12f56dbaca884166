"""What the inverse analysis finds."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from mimic_inverse.reachable import Reachable
from mimic_sensitivity import ALL, Spread
from mimic_static_optimisation.dynamics import Load, Movement
from mimic_static_optimisation.solve import Feasible, Solution


@attrs.frozen(eq=False)
class Agreement:
    """How near activations are to the controller's, muscle by muscle.

    Attributes:
        mae: (muscle,) mean absolute difference.
        r2: (muscle,) share of the controller's variance that the best affine map of them explains; 0 where its slope
            would be negative.
    """

    mae: np.ndarray
    r2: np.ndarray


@attrs.frozen(eq=False)
class Beside:
    """The controller beside the solutions for the registered movement.

    Attributes:
        clips: (clip,) which of the reference clips have a rollout.
        activation: (frame, muscle) the controller's, at the frames of the registered movement; NaN where it has none.
        agreement: solution, or null model → how near it is to the controller.
        inside: (muscle,) share of the feasible frames in which the controller is inside the feasible range.
        inside_nulls: null model → the same of it.
        effort: mean Σa² of the controller, over all frames.
        least_effort: the least Σa² for the controller's own torques in its own states.
        middle_effort: that of the middle of all that is feasible for these torques.
    """

    clips: np.ndarray
    activation: np.ndarray
    agreement: Mapping[str, Agreement]
    inside: np.ndarray
    inside_nulls: Mapping[str, np.ndarray]
    effort: float
    least_effort: float
    middle_effort: float


@attrs.frozen(eq=False)
class Recorded:
    """Mean EMG of one muscle, and how near mean activations come to it.

    Attributes:
        name: as the lab calls it.
        muscle: of the body.
        time: (sample,) s after the start.
        mean: (sample,) EMG.
        mae, r2: solution, controller or null model → mean absolute difference and R² of an affine fit, see `Agreement`.
        samples: how many samples are compared.
        reachable: how near any activation within the feasible range comes; None where no range was asked for.
    """

    name: str
    muscle: str
    time: np.ndarray
    mean: np.ndarray
    mae: Mapping[str, float]
    r2: Mapping[str, float]
    samples: int
    reachable: Reachable | None = None


@attrs.frozen
class Held:
    """What the least effort comes to with recorded muscles held on a course, over the frames that have EMG.

    Attributes:
        effort: mean Σa² of all muscles, the held ones among them.
        left: mean over joints of the share of the torque that muscles leave to a reserve.
        infeasible: share of frames whose torque no activation of the other muscles gives.
    """

    effort: float
    left: float
    infeasible: float


@attrs.frozen(eq=False)
class Varied:
    """What bodies that differ in one kind of parameter give, over the clips of the sensitivity.

    Attributes:
        solution: which optimisation.
        activation: (body, muscle) mean activation.
        course: (body, frame, muscle) mean activation over clips, NaN where fewer than half of them last.
        work_uJ: (body, muscle) positive work of the muscle per clip, µJ.
        infeasible: (body,) share of frames.
        emg_mae: recorded muscle → (body,) MAE of the mean activation beside EMG.
        unchanged: the same of the body as it is, with one body.
    """

    solution: str
    activation: np.ndarray
    course: np.ndarray
    work_uJ: np.ndarray
    infeasible: np.ndarray
    emg_mae: Mapping[str, np.ndarray]
    unchanged: Varied | None = None


@attrs.frozen(eq=False)
class Found:
    """Everything.

    Attributes:
        movement: the registered one.
        load: its torques.
        solutions: by name, the compared one first.
        feasible: range of each muscle.
        infeasible: share of the frames whose torque no activation at that instant gives.
        nulls: null model → (joint,) share of the mean absolute torque that it leaves to others.
        beside: None without rollouts.
        recorded: of each recorded muscle that the body has.
        held: what recorded muscles are held on → what the others have to do; empty without EMG.
        varied: parameter → its bodies; empty where the sensitivity is left out.
        controller: spread of the controller's mean activation (frame, muscle) over bodies with other muscles; None
            where it was not rolled out in any.
        controller_said: what that spread is, in words.
    """

    joints: tuple[str, ...]
    muscles: tuple[str, ...]
    movement: Movement
    load: Load
    solutions: Mapping[str, Solution]
    feasible: Feasible
    infeasible: float
    nulls: Mapping[str, np.ndarray]
    beside: Beside | None
    recorded: tuple[Recorded, ...]
    held: Mapping[str, Held]
    varied: Mapping[str, Varied]
    controller: Spread | None = None
    controller_said: str = ""

    @property
    def bars(self) -> dict[str, Spread]:
        """Compared solution, and ``controller`` → spread of its mean activation (frame, muscle), as far as known."""
        v, out = self.varied.get(ALL), {}
        if v is not None and v.unchanged is not None:
            out[v.solution] = Spread.of(v.course, v.unchanged.course[0])
        return out if self.controller is None else {**out, "controller": self.controller}

    @property
    def compared(self) -> Solution:
        return next(iter(self.solutions.values()))

    def left(self, reserve: np.ndarray) -> np.ndarray:
        """(joint,) mean size of a reserve (frame, joint) over that of the torque that active muscles should give."""
        return np.abs(reserve).mean(axis=0) / np.maximum(np.abs(self.load.needed).mean(axis=0), 1e-300)
