"""The state of least effort that a movement begins in."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_core import BodyModel, ReferenceClips
from mimic_inverse.dynamics import load_of, registered
from mimic_inverse.effort import Demand, least_squared
from mimic_inverse.solve import sizes


def least_effort_start(
    clips: ReferenceClips,
    model: BodyModel,
    *,
    hold_ms: float = 10.0,
    lowpass_hz: float = 25.0,
    reserve_cost: float = 1e4,
) -> np.ndarray:
    """Return activations (clip, muscle), in the model's order of muscles, that hold the first frames of every clip.

    One set of activations per clip, of least Σa² among those that give the torques of all frames in the first
    ``hold_ms`` (at least the first frame); what they cannot give costs ``reserve_cost`` times its square, in units of
    each joint's root mean square torque over all clips and these frames.

    Args:
        clips: registered movements.
        model: of their body, with its muscles.
        hold_ms: how long the activations are to hold.
        lowpass_hz: of the angles before they are differentiated.
        reserve_cost: see above.
    """
    whole = registered(clips, model, lowpass_hz)
    n = np.minimum(whole.n_frames, 1 + int(1e-3 * hold_ms * whole.rate_hz + 1e-9))
    rows = np.concatenate([np.arange(p.start, p.start + k) for p, k in zip(whole.pieces, n, strict=True)])
    arrays = {k: getattr(whole, k)[rows] for k in ("qpos", "qvel", "qacc", "beyond_deg")}
    first = attrs.evolve(whole, **arrays, n_frames=n)
    load = load_of(model, first)
    size, crossed = sizes(load), load.crossed
    gain, needed = (load.gain / size[:, None])[:, crossed], (load.needed / size)[:, crossed]
    pieces = first.pieces
    stacked = [  # the joints of all frames that one set of activations has to serve
        least_squared(Demand(gain[p].reshape(1, -1, gain.shape[2]), needed[p].reshape(1, -1), reserve_cost / k))
        for p, k in zip(pieces, n, strict=True)
    ]
    return np.concatenate(stacked)
