"""An OpenSim model as the package `opensim` reads it, and its vectors and frames as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core import DataError, PluginError

if TYPE_CHECKING:
    import opensim


def package() -> Any:
    """Return the package `opensim`, its log silenced, which it would write into the current folder.

    Raises:
        PluginError: it is not installed.
    """
    try:
        import opensim
    except ImportError as e:
        raise PluginError(
            f"OpenSim's models are read by the package opensim: pip install 'mimic-neuro[opensim]' ({e})"
        ) from e
    opensim.Logger.setLevelString("off")
    opensim.Logger.removeFileSink()
    return opensim


@attrs.frozen(eq=False)
class Frame:
    """A rigid map from one frame to another.

    Attributes:
        turn: (3, 3) rotation.
        pos: (3,) m.
    """

    turn: np.ndarray = attrs.field(factory=lambda: np.eye(3))
    pos: np.ndarray = attrs.field(factory=lambda: np.zeros(3))

    def __matmul__(self, other: Frame) -> Frame:
        return Frame(self.turn @ other.turn, self.pos + self.turn @ other.pos)

    @property
    def inverse(self) -> Frame:
        """The map back."""
        return Frame(self.turn.T, -self.turn.T @ self.pos)

    @property
    def quat(self) -> np.ndarray:
        """(4,) w first."""
        from scipy.spatial.transform import Rotation

        return Rotation.from_matrix(self.turn).as_quat(canonical=True, scalar_first=True)


def vector(v: Any) -> np.ndarray:
    """Return an OpenSim ``Vec3`` as (3,)."""
    return np.array([v.get(i) for i in range(3)])


def frame(transform: Any) -> Frame:
    """Return a Simbody ``Transform`` as a frame."""
    turn = transform.R()
    return Frame(np.array([[turn.get(i, j) for j in range(3)] for i in range(3)]), vector(transform.p()))


@attrs.frozen(eq=False)
class Opened:
    """A model and a state of its system.

    Attributes:
        path: of the file.
        model: ``opensim.Model``.
        state: ``SimTK.State``; whoever sets coordinates in it realises what they read.
    """

    path: Path
    model: opensim.Model
    state: Any

    @classmethod
    def open(cls, path: Path) -> Opened:
        """Read a model.

        Raises:
            PluginError: the package `opensim` is not installed.
            DataError: OpenSim cannot read the file, or cannot make a system of it.
        """
        opensim = package()
        try:
            model = opensim.Model(str(path.resolve()))
            state = model.initSystem()
        except Exception as e:
            said = " ".join(str(e).split())
            raise DataError(
                f"{path}: OpenSim cannot read it: {said[:300]}; open and save it in OpenSim's application"
            ) from e
        return cls(path, model, state)

    def set_pose(self, values: dict[str, float]) -> None:
        """Set coordinates, rad and m, that are not locked, and realise positions. Constraints are not enforced."""
        coordinates = self.model.updCoordinateSet()
        for name, value in values.items():
            coordinates.get(name).setValue(self.state, float(value), False)
        self.model.realizePosition(self.state)

    def frame_of(self, body: str) -> Frame:
        """Frame of a body, or of the ground, in the ground's at the state's pose."""
        base = self.model.getGround() if body == GROUND else self.model.getBodySet().get(body)
        return frame(base.getTransformInGround(self.state))


GROUND = "ground"


def each(owned: Any) -> Iterator[Any]:
    """Yield the members of one of OpenSim's sets."""
    return (owned.get(i) for i in range(owned.getSize()))


def base_of(part: Any) -> tuple[str, Frame]:
    """Return the body (or `GROUND`) that an OpenSim frame is fixed to, and where it is in it."""
    return part.findBaseFrame().getName(), frame(part.findTransformInBaseFrame())
