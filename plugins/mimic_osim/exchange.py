"""Movements from OpenSim's tables of coordinates, and clips and rollouts as such tables."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from mimic_core import Body, BodyModel, DataError, DataWarning, ReferenceClips, Rollouts, did_you_mean
from mimic_core.body import positions
from mimic_kinematics.rates import velocity
from mimic_osim.motion import Motion
from mimic_osim.settings import ExportSettings, MovementSettings
from mimic_osim.storage import Storage


@attrs.frozen
class Movements:
    """Reads and writes coordinates over time with one set of settings."""

    settings: MovementSettings

    def read(self, paths: Sequence[Path], body: Body) -> ReferenceClips:
        """Read files of coordinates as movements of ``body``, a clip each.

        Raises:
            DataError: a file is no table, has none of the body's coordinates, does not say whether angles are in
                degrees, is uneven in time while no rate is given, or files differ in rate.
        """
        model = BodyModel.compile(body)
        motion = Motion.of(model.mj_model)
        read = [self._clip(path, motion, body) for path in paths]
        rates = {round(rate, 6) for _, rate, _ in read}
        if len(rates) > 1:
            said = ", ".join(f"{r:g}" for r in sorted(rates))
            raise DataError(f"{paths[0]} and others: differ in rate ({said} Hz); give --set rate_hz=RATE")
        remarks = list(dict.fromkeys(line for _, _, lines in read for line in lines))
        for line in remarks:
            warnings.warn(line, DataWarning, stacklevel=2)
        clips = [q for q, _, _ in read]
        n_frames = np.array([len(q) for q in clips])

        def padded(pieces: Sequence[np.ndarray]) -> np.ndarray:
            out = np.full((len(pieces), n_frames.max(), *pieces[0].shape[1:]), np.nan)
            for row, piece in zip(out, pieces, strict=True):
                row[: len(piece)] = piece
            return out

        rate = read[0][1]
        sites = padded([positions(model, q)[0] for q in clips])
        return ReferenceClips(
            body=body,
            rate_hz=rate,
            clip_names=tuple(_distinct([Path(p).stem for p in paths])),
            joint_names=model.joint_names,
            keypoint_names=model.keypoint_names,
            n_frames=n_frames,
            qpos=padded(clips),
            qvel=padded([velocity(q, model, rate) for q in clips]),
            site_pos=sites,
            tracked_pos=sites.copy(),
            error_mm=np.where(np.isnan(sites[..., 0]), np.nan, 0.0),
            alignment=np.tile(np.eye(4), (len(clips), 1, 1)),
            remarks=("a file of coordinates has no markers: what was tracked is the body itself", *remarks),
            provenance={"source": "OpenSim"},
        )

    def _clip(self, path: Path, motion: Motion, body: Body) -> tuple[np.ndarray, float, list[str]]:
        """Return poses (frame, qpos), their rate (Hz) and what should be known of them."""
        table = Storage.read(Path(path))
        named = {_coordinate(label): x for label, x in table.columns.items() if not label.endswith("/speed")}
        wanted = {*motion.joints, *motion.root_coordinates}
        if not wanted & set(named):
            known = did_you_mean(next(iter(named), ""), wanted)
            raise DataError(f"{path}: has no coordinate of body {body.name}{known}; choose the model that moved")
        degrees = self.settings.degrees if self.settings.degrees is not None else table.degrees
        if degrees is None:
            raise DataError(f"{path}: does not say inDegrees=yes or no; give --set degrees=true or false")
        time = table.time
        rate = self.settings.rate_hz or _rate(path, time)
        at = time[0] + np.arange(int(np.floor((time[-1] - time[0]) * rate + 1e-6)) + 1) / rate
        values = {}
        for name in wanted & set(named):
            x = np.deg2rad(named[name]) if degrees and name in motion.hinges else named[name]
            values[name] = _resampled(time, x, at)
        qpos, missing = motion.qpos(values)
        lines = []
        if missing:
            lines.append(f"{Path(path).name}: has no {', '.join(missing)}; held in the body's reference pose")
        beside = [n for n in named if n not in wanted and n not in motion.values(qpos[:1]) and n not in motion.held]
        if beside:
            lines.append(f"{Path(path).name}: columns that are no coordinate of body {body.name}: {', '.join(beside)}")
        for name, value in motion.held.items():
            if name in named and np.ptp(named[name]) > 1e-6:
                lines.append(f"{Path(path).name}: moves {name}, which the body holds at {value:.4g}")
        return qpos, rate, lines

    def write(self, record: ReferenceClips, path: Path) -> None:
        """Write the coordinates of one clip, by default the first.

        Raises:
            DataError: there is no clip of the chosen name.
        """
        i = _index(record, self.settings.clip, path)
        model = BodyModel.compile(record.body)
        motion = Motion.of(model.mj_model)
        n = int(record.n_frames[i])
        values = motion.values(record.qpos[i, :n])
        columns = {**values, **{k: np.full(n, v) for k, v in motion.held.items()}}
        degrees = bool(self.settings.degrees)
        Storage(np.arange(n) / record.rate_hz, _in(columns, motion.hinges, degrees), degrees).write(path, "Coordinates")


@attrs.frozen
class RolloutTables:
    """Writes rollouts with one set of settings."""

    settings: ExportSettings

    def write(self, record: Rollouts, path: Path) -> None:
        """Write one rollout: by default the first that was held out, else the first.

        Excitation is written at the instant from which it acts; everything else at its own.

        Raises:
            DataError: there is no clip of the chosen name.
        """
        held_out = record.split.index("held_out") if "held_out" in record.split else 0
        i = _index(record, self.settings.clip, path, held_out)
        n = int(record.n_steps[i])
        motion = Motion.of(BodyModel.compile(record.body).mj_model) if record.body is not None else None
        columns = getattr(self, f"_{self.settings.content}")(record, i, n, motion)
        degrees = self.settings.degrees and self.settings.content == "coordinates"
        if degrees:
            columns = _in(columns, _hinges(record, motion), True)
        Storage(np.arange(n) / record.rate_hz, columns, degrees).write(path, f"{record.clip_names[i]}")

    def _coordinates(self, r: Rollouts, i: int, n: int, motion: Motion | None) -> dict[str, np.ndarray]:
        if motion is None:
            return {name: r.joint_pos[i, :n, k] for k, name in enumerate(r.joint_names)}
        return motion.values(r.qpos[i, :n]) | {k: np.full(n, v) for k, v in motion.held.items()}

    def _states(self, r: Rollouts, i: int, n: int, motion: Motion | None) -> dict[str, np.ndarray]:
        out = {}
        speeds = {name: r.joint_vel[i, :n, k] for k, name in enumerate(r.joint_names)}
        for name, x in self._coordinates(r, i, n, motion).items():
            if motion is not None and "coordinates" in motion.said and name not in motion.said["coordinates"]:
                continue  # joints of the conversion alone
            path = _path(motion, "coordinates", name)
            out[f"{path}/value"] = x
            out[f"{path}/speed"] = speeds[name] if name in speeds else np.gradient(x, 1 / r.rate_hz)
        for name in r.muscle_names:
            out[f"{_path(motion, 'forces', name)}/activation"] = r.of("activation", name)[i, :n]
        return out

    def _controls(self, r: Rollouts, i: int, n: int, motion: Motion | None) -> dict[str, np.ndarray]:
        out = {}
        for name in r.actuator_names:
            if name in r.reserve_names:  # the model in OpenSim has none
                continue
            x = r.of("excitation", name)[i, :n]
            out[_path(motion, "forces", name)] = np.append(x[1:], x[-1:])
        return out

    def _forces(self, r: Rollouts, i: int, n: int, motion: Motion | None) -> dict[str, np.ndarray]:
        return {f"{_path(motion, 'forces', m)}/tension": r.of("muscle_force", m)[i, :n] for m in r.muscle_names}


def _path(motion: Motion | None, kind: str, name: str) -> str:
    if motion is not None:
        return motion.path_of(kind, name)
    return f"/forceset/{name}" if kind == "forces" else f"/jointset/{name}/{name}"


def _hinges(record: Rollouts, motion: Motion | None) -> set[str]:
    return motion.hinges if motion is not None else set(record.joint_names)


def _in(columns: Mapping[str, np.ndarray], hinges: set[str], degrees: bool) -> dict[str, np.ndarray]:
    return {k: np.rad2deg(x) if degrees and k in hinges else x for k, x in columns.items()}


def _index(record: ReferenceClips | Rollouts, clip: str, path: Path, otherwise: int = 0) -> int:
    if not clip:
        return otherwise
    if clip not in record.clip_names:
        raise DataError(f"{path.name}: there is no clip {clip!r}{did_you_mean(clip, record.clip_names)}")
    return record.clip_names.index(clip)


def _coordinate(label: str) -> str:
    """A coordinate's name: ``/jointset/JOINT/COORDINATE/value``, ``JOINT/COORDINATE/value`` or the name itself."""
    return label.removesuffix("/value").rsplit("/", 1)[-1]


def _rate(path: Path, time: np.ndarray) -> float:
    """Frames per second of even times.

    Raises:
        DataError: they are uneven.
    """
    if len(time) < 4:
        raise DataError(f"{path}: has {len(time)} rows, at least 4 are needed; export a longer movement")
    steps = np.diff(time)
    if np.abs(steps - steps.mean()).max() > 0.02 * steps.mean():
        raise DataError(f"{path}: its rows are uneven in time; give --set rate_hz=RATE, at which it is interpolated")
    return float(round(1 / steps.mean(), 3))


def _resampled(time: np.ndarray, x: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at other instants, by a cubic spline; the same where the instants are."""
    from scipy.interpolate import CubicSpline

    return CubicSpline(time, x)(at)


def _distinct(names: list[str]) -> list[str]:
    return [n if names.count(n) == 1 else f"{n}_{names[: i + 1].count(n)}" for i, n in enumerate(names)]
