"""Joints that follow other joints: MuJoCo's ``<equality><joint polycoef>``, solved exactly.

    y - y0 = a0 + a1 (x - x0) + ... + a4 (x - x0)^4

of a dependent joint y and its driver x, which may depend on another joint itself; without a driver y is constant
(MuJoCo documentation, XML reference, equality/joint). MuJoCo's engine holds it as a soft constraint; here dependent
joints are computed from the free ones, so that the violation is 0.
"""

from __future__ import annotations

import itertools

import attrs
import mujoco
import numpy as np
from numpy.polynomial import polynomial

_SAME = 0.002  # a range that shrinks by less than this share of itself is not worth a line


@attrs.frozen(eq=False)
class Couplings:
    """The active couplings of a model, drivers before the joints that depend on them.

    Attributes:
        joint: (coupling,) dependent joint, MuJoCo's id.
        driver: (coupling,) joint that it follows; -1 for none.
        coef: (coupling, 5) a0 to a4.
        left_out: one line for each active constraint that is not solved here.
    """

    model: mujoco.MjModel
    joint: np.ndarray
    driver: np.ndarray
    coef: np.ndarray
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, m: mujoco.MjModel) -> Couplings:
        """Read them from a model; a constraint that is not active from the start is none."""
        found: dict[int, tuple[int, np.ndarray]] = {}
        left_out = []
        for e in np.flatnonzero(m.eq_active0):
            kind = mujoco.mjtEq(m.eq_type[e]).name.removeprefix("mjEQ_").lower()
            if kind != "joint":
                left_out.append(f"{kind} {m.equality(e).name!r}".replace(" ''", ""))
                continue
            joint, driver, coef = int(m.eq_obj1id[e]), int(m.eq_obj2id[e]), m.eq_data[e, :5].copy()
            if driver < 0:
                coef[1:] = 0.0
            if (joint in found or _follows(found, driver, joint)) and _invertible(coef, driver):
                joint, driver, coef = driver, joint, np.array([-coef[0], 1.0, 0, 0, 0]) / coef[1]
            if joint in found or _follows(found, driver, joint):
                other = f" to {m.joint(driver).name}" if driver >= 0 else ""
                left_out.append(f"joint {m.joint(joint).name}{other}, which other couplings decide already")
                continue
            found[joint] = (driver, coef)
        order = sorted(found, key=lambda j: (_depth(found, j), j))
        return cls(
            m,
            np.array(order, int),
            np.array([found[j][0] for j in order], int),
            np.array([found[j][1] for j in order]).reshape(-1, 5),
            tuple(left_out),
        )

    def __len__(self) -> int:
        return len(self.joint)

    def _at(self, c: int) -> tuple[int, int, float, float]:
        """Place of the dependent joint and of its driver in qpos, and where both are in the reference pose."""
        m, j, s = self.model, self.joint[c], self.driver[c]
        y, x = int(m.jnt_qposadr[j]), int(m.jnt_qposadr[s]) if s >= 0 else 0
        return y, x, float(m.qpos0[y]), float(m.qpos0[x]) if s >= 0 else 0.0

    def settle(self, q: np.ndarray) -> np.ndarray:
        """Return qpos (…, nq) with the dependent joints where the couplings say."""
        out = np.array(q)
        for c in range(len(self)):
            y, x, y0, x0 = self._at(c)
            out[..., y] = y0 + polynomial.polyval(out[..., x] - x0, self.coef[c])
        return out

    def slopes(self, q: np.ndarray) -> np.ndarray:
        """Return (…, coupling) derivative of each dependent joint by its driver at qpos (…, nq)."""
        out = np.zeros((*np.shape(q)[:-1], len(self)))
        for c in range(len(self)):
            _, x, _, x0 = self._at(c)
            out[..., c] = polynomial.polyval(q[..., x] - x0, polynomial.polyder(self.coef[c]))
        return out

    def folded(self, rows: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Return what is per dof, ``rows`` (…, nv), at qpos (nq,) with what dependent joints add to their drivers'.

        A force on a dependent joint acts on its driver, times the slope (principle of virtual work); so does a
        derivative by it. Entries of the dependent joints themselves are 0.
        """
        slopes, out, dof = self.slopes(q), np.array(rows, float), self.model.jnt_dofadr
        for c in reversed(range(len(self))):
            if self.driver[c] >= 0:
                out[..., dof[self.driver[c]]] += slopes[c] * out[..., dof[self.joint[c]]]
            out[..., dof[self.joint[c]]] = 0.0
        return out

    def settle_rates(self, qvel: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Return qvel (…, nv) with the dependent joints as fast as their drivers make them at qpos (…, nq)."""
        out, slopes = np.array(qvel), self.slopes(q)
        for c in range(len(self)):
            driver = self.driver[c]
            rate = slopes[..., c] * out[..., self.model.jnt_dofadr[driver]] if driver >= 0 else 0.0
            out[..., self.model.jnt_dofadr[self.joint[c]]] = rate
        return out

    def violation(self, q: np.ndarray) -> np.ndarray:
        """Return (…, coupling) how far each dependent joint is from where its driver puts it, rad or m."""
        out = np.zeros((*np.shape(q)[:-1], len(self)))
        for c in range(len(self)):
            y, x, y0, x0 = self._at(c)
            out[..., c] = q[..., y] - (y0 + polynomial.polyval(q[..., x] - x0, self.coef[c]))
        return out

    def limits(self, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Narrow the ranges of drivers so that what depends on them keeps its own.

        Where no position of the driver does, the coupling is kept, and the dependent joint leaves its range.

        Args:
            lower, upper: (nq,) limits of scalar joints, ±inf without.

        Returns:
            Both with those of drivers narrowed and those of dependent joints ±inf, and a line on what is narrowed and
            one on what leaves its range.
        """
        lower, upper, narrowed, left = lower.copy(), upper.copy(), [], []
        for c in reversed(range(len(self))):
            y, x, y0, x0 = self._at(c)
            name = self.model.joint(self.joint[c]).name
            low, high = lower[y] - y0, upper[y] - y0
            lower[y], upper[y] = -np.inf, np.inf
            if self.driver[c] < 0:
                if not low - 1e-9 <= self.coef[c][0] <= high + 1e-9:
                    left.append(name)
                continue
            kept = _inside(self.coef[c], low, high, lower[x] - x0, upper[x] - x0)
            if kept is None:
                left.append(name)
                continue
            new = max(lower[x], kept[0] + x0), min(upper[x], kept[1] + x0)
            span = min(upper[x], 1e9) - max(lower[x], -1e9)
            if new[0] > lower[x] + _SAME * span or new[1] < upper[x] - _SAME * span:
                narrowed.append(f"{self.model.joint(self.driver[c]).name} (by {name})")
            lower[x], upper[x] = new
        lines = []
        if narrowed:
            named = ", ".join(dict.fromkeys(narrowed))
            lines.append(f"range narrowed, so that what is coupled to it keeps its own: {named}")
        if left:
            lines.append(
                f"coupled beyond its own range, which gives way: {', '.join(left)}; mend range or polycoef in the model"
            )
        return lower, upper, lines


def _follows(found: dict[int, tuple[int, np.ndarray]], joint: int, other: int) -> bool:
    """Whether ``joint`` is, or depends on, ``other``."""
    while joint >= 0 and joint != other and joint in found:
        joint = found[joint][0]
    return joint == other


def _invertible(coef: np.ndarray, driver: int) -> bool:
    return driver >= 0 and coef[1] != 0 and not coef[2:].any()


def _depth(found: dict[int, tuple[int, np.ndarray]], joint: int) -> int:
    return 0 if joint not in found else 1 + _depth(found, found[joint][0])


def _inside(coef: np.ndarray, low: float, high: float, first: float, last: float) -> tuple[float, float] | None:
    """Return the part of [first, last] in which the polynomial stays within [low, high]: around 0, else the longest."""
    first, last = max(first, -1e6), min(last, 1e6)
    slack = 1e-9 + 1e-9 * abs(high - low) if np.isfinite(high - low) else 1e-9
    kept = np.where(np.abs(coef) > 1e-12 * np.abs(coef).max(initial=1e-300), coef, 0.0)  # tiny ones spoil the roots
    cuts = {first, last}
    for bound in (low - slack, high + slack):
        if np.isfinite(bound):
            roots = polynomial.polyroots(np.trim_zeros(kept - [bound, 0, 0, 0, 0], "b"))
            cuts |= {float(r.real) for r in roots if abs(r.imag) < 1e-9 and first < r.real < last}
    edges, parts = sorted(cuts), []
    for a, b in itertools.pairwise(edges):
        if low - slack <= polynomial.polyval((a + b) / 2, coef) <= high + slack:
            parts = [*parts[:-1], (parts[-1][0], b)] if parts and parts[-1][1] == a else [*parts, (a, b)]
    if not parts:
        return None
    return next((p for p in parts if p[0] <= 0 <= p[1]), max(parts, key=lambda p: p[1] - p[0]))
