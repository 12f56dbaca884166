"""Walking of a free animal: feet that stand and swing in turn, by inverse kinematics; or a wave for one without feet.

Feet alternate from side to side and from front to back: two legs step in turn, four trot, six go in tripods. A
standing foot stays where it is in the world; a swinging one goes to its next place with minimum jerk (Flash & Hogan
1985) and is lifted on the way. The trunk follows an arc at constant speed.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from mimic_core import BodyModel, ConfigError, Keypoints
from mimic_kinematics.couplings import Couplings
from mimic_kinematics.floor import heights
from mimic_synthetic.camera import Truth, kinematics, record, true_offsets
from mimic_synthetic.ik import Solver
from mimic_synthetic.legs import Stance, forward, ground_of, legs_of
from mimic_synthetic.reaches import minimum_jerk
from mimic_synthetic.settings import Gait
from mimic_synthetic.undulation import Wave

_FROUDE = 0.05
_OFF = 0.005  # of leg length, how far a foot may be from its place
_SHORTER, _TRIES = 0.8, 8
_CROUCH = 0.04  # of leg length, how much lower the trunk goes with each try


class Walk(NamedTuple):
    """How one clip walks."""

    speed: float
    """m/s"""
    turning: float
    """rad/s"""
    heading: float
    """rad at its start"""
    phase: float
    """of a stride at its start"""


class Walking:
    """Callable that makes keypoints of a walking animal, the same for the same seed. ``remarks``: lines about it."""

    def __init__(self, config: Gait, model: BodyModel, seed: int) -> None:
        """Find legs, or a chain of joints that can make a wave.

        Raises:
            ConfigError: the body is fixed in space, or has neither.
        """
        if model.root is None:
            raise ConfigError(
                f"generator gait: body {model.body.name} is fixed in space; use the generator reaches or targets, or "
                'give it a free root (root = "free" in its description)'
            )
        self.config, self.model, self.seed = config, model, seed
        self.couplings = Couplings.of(model.mj_model)
        self.floor = ground_of(model.mj_model)
        self.rest = Solver(model, np.zeros(model.mj_model.nv, bool), self.couplings).within(model.mj_model.qpos0)
        self.legs = legs_of(model, self.floor, config.feet, self.rest)
        self.wave = None if self.legs else Wave.of(model, self.floor, self.rest)
        if not self.legs and self.wave is None:
            raise ConfigError(
                f"generator gait: body {model.body.name} has no two legs whose tips are near the floor, and no chain "
                "of hinges that bends along it; name its feet with generate.feet, bodies that have geoms"
            )
        self.remarks: list[str] = []

    def __call__(self) -> Keypoints:
        return self.make()[0]

    def make(self) -> tuple[Keypoints, Truth]:
        """Return the keypoints and the truth behind them.

        Raises:
            ConfigError: the legs cannot reach their places however short the stride.
        """
        c, rng = self.config, np.random.default_rng(self.seed)
        offsets = true_offsets(c, self.model, rng)
        if self.wave is not None:
            qpos, self.remarks = self.wave.crawl(c, rng)
        else:
            qpos = self._walked(rng)
        site_pos = kinematics(self.model, qpos, offsets)
        keypoints = record(c, self.model, site_pos, rng)
        return keypoints, Truth(qpos=qpos, site_pos=site_pos, offsets=offsets, target=np.zeros(c.clips, int))

    def _walked(self, rng: np.random.Generator) -> np.ndarray:
        """Return qpos (clip, frame, nq); strides are shortened until all feet reach, if need be with a lower trunk."""
        c = self.config
        stance = Stance(self.model, self.floor, self.legs, self.couplings, self.rest)
        gravity = float(np.linalg.norm(self.model.mj_model.opt.gravity)) or 9.81
        speed = c.speed * stance.length if c.speed else float(np.sqrt(_FROUDE * gravity * stance.length))
        speeds = speed * np.clip(rng.normal(1, c.variation, c.clips), 0.3, 3)
        turning = speeds / stance.length * np.deg2rad(rng.normal(0, c.turn_deg, c.clips))
        walks = [
            Walk(*each)
            for each in zip(
                speeds, turning, rng.uniform(-np.pi, np.pi, c.clips), rng.uniform(0, 1, c.clips), strict=True
            )
        ]
        for lower, shorter in itertools.product((0.0, _CROUCH), range(_TRIES)):
            stride, crouch = c.stride * stance.length * _SHORTER**shorter, lower * shorter * stance.length
            clips = []
            for walk in walks:
                q, off = self._clip(stance, walk, stride, crouch)
                if off > _OFF * stance.length:
                    break
                clips.append(q)
            if len(clips) == len(walks):
                qpos = np.stack(clips)
                self.remarks = self._told(stance, qpos, walks, stride)
                return qpos
        names, mm = ", ".join(leg.name for leg in self.legs), 1e3 * self.model.body.scale
        raise ConfigError(
            f"generator gait: the feet {names} of body {self.model.body.name} cannot reach the floor in strides of "
            f"{mm * stride:.2g} mm; name other feet with generate.feet"
        )

    def _clip(self, stance: Stance, walk: Walk, stride: float, crouch: float) -> tuple[np.ndarray, float]:
        """Return qpos (frame, nq) of a clip, and how far a foot is off its place at most (m)."""
        c, rate = self.config, walk.speed / stride
        phases = self._phases(stance)
        low = stance.lowered(stance.rest, crouch)
        q, out, worst = low, [], 0.0
        for t in np.arange(c.frames) / c.rate_hz:
            bob = c.bob * stance.length * np.sin(4 * np.pi * (rate * t + walk.phase))
            turn, moved = self._course(walk, t)
            pose = _carried(stance.lowered(low, -bob), stance.at, turn, moved)
            q = np.where(self._legs_own(stance), q, pose) if out else pose
            strides = rate * t + walk.phase + phases
            places = [
                self._place(stance, leg.place, walk, rate, t, x) for leg, x in zip(stance.legs, strides, strict=True)
            ]
            for _ in range(1 if out else 3):  # the first frame has no neighbour to begin from
                q, off = stance.put(q, np.array(places), turn, pose)
            worst = max(worst, off)
            out.append(q)
        return np.array(out), worst

    def _legs_own(self, stance: Stance) -> np.ndarray:
        """(nq,) True for the joints of legs, whose last pose is where the next one is sought."""
        out = np.zeros(self.model.mj_model.nq, bool)
        out[stance.solver.places] = True
        return out

    def _place(self, stance: Stance, place: np.ndarray, walk: Walk, rate: float, t: float, stride: float) -> np.ndarray:
        """Return (3,) where a foot is at time ``t`` that stands at ``place`` beside the animal at its start.

        Args:
            stride: how many strides the foot has begun, and the share of the last one that is over.
        """
        c, k = self.config, np.floor(stride)

        def landed(k: float) -> np.ndarray:
            """Where it stands in stride k: where the animal has it in the middle of that time."""
            turn, moved = self._course(walk, t + (k + c.duty / 2 - stride) / rate)
            return turn @ place + moved

        if stride - k < c.duty:
            return landed(k)
        u = (stride - k - c.duty) / (1 - c.duty)
        up = c.lift * stance.length * 64 * (u * (1 - u)) ** 3
        return landed(k) + minimum_jerk(np.array(u)) * (landed(k + 1) - landed(k)) + up * self.floor.normal

    def _course(self, walk: Walk, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Return how far the animal has turned (3, 3) and moved (3,) m at time ``t``, on an arc."""
        turned, half = walk.turning * t, 0.5 * walk.turning * t
        ahead = _about(self.floor.normal, walk.heading + half) @ forward(self.model, self.floor, self.rest)
        return _about(self.floor.normal, walk.heading + turned), walk.speed * t * np.sinc(half / np.pi) * ahead

    def _phases(self, stance: Stance) -> np.ndarray:
        """(leg,) shares of a stride by which feet are ahead: half of it from side to side, and from front to back."""
        ahead = forward(self.model, self.floor, self.rest)
        aside = np.cross(self.floor.normal, ahead)
        places = np.array([leg.place for leg in stance.legs])
        middle = places.mean(0)
        side = (places - middle) @ aside < 0
        out = np.zeros(len(places))
        for right in (False, True):
            mine = np.flatnonzero(side == right)
            for row, i in enumerate(mine[np.argsort(-(places[mine] @ ahead), kind="stable")]):
                out[i] = 0.5 * ((row + right) % 2)
        return out

    def _told(self, stance: Stance, qpos: np.ndarray, walks: list[Walk], stride: float) -> list[str]:
        """Lines about the walk: what was wanted, and what came of it."""
        slide, sunk = self.slide_and_depth(stance, qpos, walks, stride)
        speed, hz = np.mean([w.speed for w in walks]), np.mean([w.speed for w in walks]) / stride
        asked, mm = self.config.stride * stance.length, 1e3 * self.model.body.scale
        less = f" (shortened from {mm * asked:.3g} mm, further they do not reach)" if stride < asked else ""
        length, names = stance.length, ", ".join(leg.name for leg in stance.legs)
        return [
            f"{len(stance.legs)} legs ({names}) of {mm * length:.3g} mm walk at {mm * speed:.3g} mm/s in strides of "
            f"{mm * stride:.3g} mm{less}, {hz:.3g} a second",
            f"standing feet slide by at most {mm * slide:.2g} mm ({slide / length:.2%} of leg length); the deepest "
            f"point is {mm * sunk:.2g} mm below {self.floor.name} ({sunk / length:.2%})",
        ]

    def slide_and_depth(
        self, stance: Stance, qpos: np.ndarray, walks: list[Walk], stride: float
    ) -> tuple[float, float]:
        """Return how far a foot moves along the floor while it stands, and how deep anything is in it, at most, m."""
        m, c, slide = self.model.mj_model, self.config, 0.0
        time, data = np.arange(c.frames) / c.rate_hz, stance.data
        for q, walk in zip(qpos, walks, strict=True):
            strides = (time * walk.speed / stride + walk.phase)[:, None] + self._phases(stance)
            anchors = np.empty((len(q), len(stance.legs), 3))
            for f, pose in enumerate(q):
                data.qpos[:] = pose
                mujoco.mj_kinematics(m, data)
                for i, leg in enumerate(stance.legs):
                    anchors[f, i] = stance.anchor(leg)
            anchors -= (anchors @ self.floor.normal)[..., None] * self.floor.normal
            for i in range(len(stance.legs)):
                for k in np.unique(np.floor(strides[:, i])):
                    standing = (np.floor(strides[:, i]) == k) & (strides[:, i] - k < c.duty)
                    if standing.any():
                        apart = anchors[standing, i] - anchors[standing, i][0]
                        slide = max(slide, float(np.linalg.norm(apart, axis=1).max()))
        lowest = heights(m, qpos.reshape(-1, m.nq), self.floor)[0].min()
        return slide, max(0.0, -float(lowest))


def _about(axis: np.ndarray, angle: float) -> np.ndarray:
    return Rotation.from_rotvec(axis * angle).as_matrix()


def _carried(q: np.ndarray, a: int, turn: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return qpos (nq,) turned about the world's origin and moved; ``a``: where its free root begins."""
    out = q.copy()
    out[a : a + 3] = turn @ q[a : a + 3] + moved
    whole = Rotation.from_matrix(turn) * Rotation.from_quat(q[a + 3 : a + 7], scalar_first=True)
    out[a + 3 : a + 7] = whole.as_quat(scalar_first=True)
    return out
