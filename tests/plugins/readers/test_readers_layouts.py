"""One movement in every layout: the same keypoints, unit, rate, missing frames and confidence come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mimic_core import Keypoints
from mimic_core.records import METRES_PER
from mimic_recordings import read_recordings

UNCERTAIN = 0.625
"""Confidence that every layout can hold exactly."""


@attrs.frozen
class Movement:
    """What is written: (frame, keypoint, xyz) mm, NaN where a keypoint was not seen, and which frames were filmed."""

    positions: np.ndarray
    confidence: np.ndarray
    names: tuple[str, ...]
    rate_hz: float
    filmed: np.ndarray

    @property
    def frames(self) -> np.ndarray:
        return np.flatnonzero(self.filmed)

    @property
    def flat(self) -> np.ndarray:
        return self.positions[self.filmed].reshape(len(self.frames), -1)

    @property
    def rows(self) -> np.ndarray:
        return self.positions[self.filmed]

    @property
    def trust(self) -> np.ndarray:
        return self.confidence[self.filmed]

    @property
    def time(self) -> np.ndarray:
        return self.frames / self.rate_hz


@attrs.frozen
class Layout:
    """How a layout is written, and what of a movement it can hold.

    Attributes:
        write: ``write(movement, path)``.
        unit: of its positions, as the reader should say it; they are written in it, or in mm where it is empty.
        rate: the file tells it.
        trust: the file keeps a confidence.
        gaps: the file tells which frames were left out.
        rtol: of positions that are kept in single precision.
    """

    suffix: str
    write: Callable[[Movement, Path], None]
    unit: str = ""
    rate: bool = False
    trust: bool = False
    gaps: bool = False
    names: bool = True
    rtol: float = 0.0
    needs: str = ""


def lines(path: Path, rows, head, join=",") -> None:
    text = [join.join(map(str, head)), *(join.join("" if v != v else repr(float(v)) for v in row) for row in rows)]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")


def heads(m: Movement, pattern: str = "{}_{}") -> list[str]:
    return [pattern.format(n, a) for n in m.names for a in "xyz"]


def wide_csv(m: Movement, path: Path) -> None:
    lines(path, np.c_[m.frames, m.flat / 1e3], ["frame", *heads(m)])


def timed_csv(m: Movement, path: Path) -> None:
    lines(path, np.c_[m.time, m.flat / 1e3], ["time", *heads(m)])


def in_ms(m: Movement, path: Path) -> None:
    lines(path, np.c_[1e3 * m.time, m.flat / 1e3], ["time_ms", *heads(m)])


def in_us(m: Movement, path: Path) -> None:
    """As a spreadsheet of a country with decimal commas writes it."""
    lines(path, np.c_[1e6 * m.time, m.flat / 1e3], ["Timestamp (us)", *heads(m)], ";")
    head, _, rows = path.read_text(encoding="utf-8").partition("\n")
    path.write_text("sep=;\n" + head + "\n" + rows.replace(".", ","), encoding="utf-8-sig")


def freemocap(m: Movement, path: Path) -> None:
    lines(path, m.flat, heads(m, "body_{}_{}"))


def semicolons(m: Movement, path: Path) -> None:
    lines(path, np.c_[m.frames, m.flat / 1e3], ["frame", *heads(m)], ";")
    head, _, rows = path.read_text(encoding="utf-8").partition("\n")
    path.write_text(head + "\n" + rows.replace(".", ","), encoding="utf-16")


def anipose(m: Movement, path: Path) -> None:
    table = {}
    for k, n in enumerate(m.names):
        table |= {f"{n}_{a}": m.rows[:, k, i] for i, a in enumerate("xyz")}
        table |= {
            f"{n}_error": np.zeros(len(m.rows)),
            f"{n}_ncams": np.full(len(m.rows), 3),
            f"{n}_score": m.trust[:, k],
        }
    pd.DataFrame({**table, "fnum": m.frames}).to_csv(path, index=False)


def dlc_frame(m: Movement) -> pd.DataFrame:
    columns = [("scorer", n, a) for n in m.names for a in ("x", "y", "z", "likelihood")]
    both = np.concatenate([m.rows, m.trust[..., None]], -1).reshape(len(m.rows), -1)
    levels = ["scorer", "bodyparts", "coords"]
    return pd.DataFrame(both, index=m.frames, columns=pd.MultiIndex.from_tuples(columns, names=levels))


def dlc_csv(m: Movement, path: Path) -> None:
    dlc_frame(m).to_csv(path)


def dlc_h5(m: Movement, path: Path) -> None:
    """The fixed format of pandas, without pytables."""
    frame = dlc_frame(m)
    with h5py.File(path, "w") as f:
        group = f.create_group("df_with_missing")
        for axis in ("axis0", "block0_items"):
            group.attrs[f"{axis}_nlevels"] = 3
            for i, (level, codes) in enumerate(zip(frame.columns.levels, frame.columns.codes, strict=True)):
                group[f"{axis}_level{i}"] = np.array([str(v).encode() for v in level])
                group[f"{axis}_level{i}"].attrs["name"] = np.bytes_(frame.columns.names[i])
                group[f"{axis}_label{i}"] = np.asarray(codes, np.int8)
        group["axis1"], group["block0_values"] = np.asarray(frame.index), frame.to_numpy()


def jarvis(m: Movement, path: Path) -> None:
    both = np.concatenate([m.rows, m.trust[..., None]], -1).reshape(len(m.rows), -1)
    lines(path, both, [n for n in m.names for _ in range(4)])
    head, _, rest = path.read_text(encoding="utf-8").partition("\n")
    axes = ",".join(["x", "y", "z", "confidence"] * len(m.names))
    path.write_text(f"{head}\n{axes}\n{rest}", encoding="utf-8")


def tidy(m: Movement, path: Path) -> None:
    rows = [
        (m.frames[i], m.time[i], n, *m.rows[i, k], m.trust[i, k])
        for k, n in enumerate(m.names)
        for i in range(len(m.rows))
    ]
    table = pd.DataFrame(rows, columns=["frame", "time", "keypoint", "x", "y", "z", "confidence"])
    table.sample(frac=1, random_state=0).to_csv(path, index=False)


def trc(m: Movement, path: Path) -> None:
    stated = {"DataRate": m.rate_hz, "CameraRate": m.rate_hz, "NumFrames": len(m.rows), "NumMarkers": len(m.names)}
    axes = "\t\t" + "\t".join(f"{a}{i}" for i in range(1, len(m.names) + 1) for a in "XYZ")
    stated["Units"] = "mm"
    top = ["PathFileType\t4\t(X/Y/Z)\tx.trc", "\t".join(stated), "\t".join(map(str, stated.values()))]
    rows = [
        "\t".join([str(n + 1), repr(float(t)), *("" if v != v else repr(float(v)) for v in row)])
        for n, t, row in zip(m.frames, m.time, m.flat, strict=True)
    ]
    path.write_text(
        "\n".join([*top, "Frame#\tTime\t" + "\t\t\t".join(m.names), axes, "", *rows]) + "\n", encoding="utf-8"
    )


def sto(m: Movement, path: Path) -> None:
    lines(path, np.c_[m.time, np.nan_to_num(m.flat / 1e3, nan=np.inf)], ["time", *heads(m, "{}_t{}")], "\t")
    text = path.read_text(encoding="utf-8").replace("inf", "nan")
    path.write_text(f"markers\nversion=1\nnRows={len(m.rows)}\ninDegrees=no\nendheader\n{text}", encoding="utf-8")


def c3d(m: Movement, path: Path) -> None:
    import ezc3d

    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["UNITS"]["value"], point["RATE"]["value"], point["LABELS"]["value"] = ["mm"], [m.rate_hz], list(m.names)
    points = np.ones((4, len(m.names), len(m.rows)))
    points[:3] = m.rows.transpose(2, 1, 0)
    file["data"]["points"] = points
    file.write(str(path))


def mat(m: Movement, path: Path) -> None:
    names = np.array([[n] for n in m.names], dtype=object)
    given = {"p_max": m.trust, "sampleID": 1 + m.frames, "joint_names": names}
    scipy.io.savemat(path, {"pred": m.rows.swapaxes(1, 2), **given})


def label3d(m: Movement, path: Path) -> None:
    names = np.array([[n] for n in m.names], dtype=object)
    given = {"data_3D": m.flat, "framesToLabel": 1 + m.frames}
    scipy.io.savemat(path, {**given, "skeleton": {"joint_names": names}})


def sleap_anipose(m: Movement, path: Path) -> None:
    with h5py.File(path, "w") as f:
        f["tracks"], f["point_scores"] = m.rows[:, None], m.trust[:, None]
        f["node_names"] = [n.encode() for n in m.names]


def stac_mjx(m: Movement, path: Path) -> None:
    with h5py.File(path, "w") as f:
        f["kp_data"], f["kp_names"] = m.flat / 1e3, [n.encode() for n in m.names]


def nwb(m: Movement, path: Path) -> None:
    with h5py.File(path, "w") as f:
        f.attrs["nwb_version"] = "2.7.0"
        pose = f.create_group("processing/behavior/PoseEstimation")
        pose.attrs["neurodata_type"] = "PoseEstimation"
        for k, n in enumerate(m.names):
            s = pose.create_group(n)
            s.attrs["neurodata_type"] = "PoseEstimationSeries"
            s["data"], s["confidence"] = m.rows[:, k], m.trust[:, k]
            s["data"].attrs.update({"unit": "millimeters", "conversion": 1.0})
            s["starting_time"] = 0.0
            s["starting_time"].attrs["rate"] = m.rate_hz


def movement(m: Movement, path: Path) -> None:
    import xarray

    dims = ("time", "space", "keypoints", "individuals")
    values = {"position": (dims, m.rows.swapaxes(1, 2)[..., None])}
    values["confidence"] = (("time", "keypoints", "individuals"), m.trust[..., None])
    coords = {"time": m.time, "space": list("xyz"), "keypoints": list(m.names), "individuals": ["one"]}
    data = xarray.Dataset(values, coords, {"fps": m.rate_hz, "time_unit": "seconds"})
    data.to_netcdf(path, engine="scipy")


def mimic(m: Movement, path: Path) -> None:
    Keypoints.from_array(m.rows, m.names, m.rate_hz, unit="mm", confidence=m.trust).save(path)


LAYOUTS = {
    "wide csv": Layout(".csv", wide_csv, "m", gaps=True),
    "wide csv with times": Layout(".csv", timed_csv, "m", rate=True),
    "wide csv with times in ms": Layout(".csv", in_ms, "m", rate=True),
    "wide csv with times in us, separator said": Layout(".csv", in_us, "m", rate=True),
    "semicolons, decimal commas, UTF-16": Layout(".csv", semicolons, "m", gaps=True),
    "FreeMoCap": Layout(".csv", freemocap, "mm"),
    "tidy csv": Layout(".csv", tidy, rate=True, trust=True, gaps=True),
    "JARVIS": Layout(".csv", jarvis, "mm", trust=True),
    "Anipose": Layout(".csv", anipose, trust=True, gaps=True),
    "DeepLabCut csv": Layout(".csv", dlc_csv, trust=True, gaps=True),
    "DeepLabCut h5": Layout(".h5", dlc_h5, trust=True, gaps=True),
    "TRC": Layout(".trc", trc, "mm", rate=True, gaps=True),
    "OpenSim .sto": Layout(".sto", sto, "m", rate=True),
    "C3D": Layout(".c3d", c3d, "mm", rate=True, rtol=1e-6, needs="ezc3d"),
    "DANNCE": Layout(".mat", mat, trust=True, gaps=True),
    "Label3D": Layout(".mat", label3d, gaps=True),
    "SLEAP-Anipose": Layout(".h5", sleap_anipose, trust=True),
    "STAC-MJX": Layout(".h5", stac_mjx, "m"),
    "NWB": Layout(".nwb", nwb, "mm", rate=True, trust=True),
    "movement": Layout(".nc", movement, rate=True, trust=True, gaps=True, needs="xarray"),
    "mimic": Layout(".h5", mimic, "mm", rate=True, trust=True),
}
NAMES = ("Wrist", "elbow", "Left Shoulder", "paw.tip", "Épaule", "pied_2", "x", "KP 10")


@st.composite
def movements(draw) -> Movement:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True).filter(lambda n: len(n) != 3))
    frames = draw(st.integers(6, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    positions = rng.normal(size=(frames, len(names), 3)) * 20 + 5
    seen = rng.random((frames, len(names))) > draw(st.sampled_from([0.0, 0.2]))
    seen[0] = True  # a keypoint that is never seen is another matter
    positions[~seen] = np.nan
    confidence = np.where(rng.random((frames, len(names))) > 0.5, 1.0, UNCERTAIN)
    confidence[0] = UNCERTAIN
    filmed = rng.random(frames) > draw(st.sampled_from([0.0, 0.15]))
    filmed[[0, 1, 2, 3, -1]] = True
    rate_hz = draw(st.sampled_from([30.0, 50.0, 119.88, 150.0, 200.0, 500.0]))
    return Movement(positions, confidence, tuple(names), rate_hz, filmed)


@pytest.mark.parametrize("name", LAYOUTS)
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_same_movement_in_every_layout(name, data, tmp_path, plugins):
    layout = LAYOUTS[name]
    if layout.needs:
        pytest.importorskip(layout.needs)
    m = data.draw(movements())
    if not layout.gaps:  # nothing in the file could tell
        m = attrs.evolve(m, filmed=np.ones_like(m.filmed))
    path = tmp_path / f"a{layout.suffix}"
    path.unlink(missing_ok=True)
    layout.write(m, path)
    given_rate = {} if layout.rate else {"rate_hz": m.rate_hz}
    ((found, said),) = read_recordings([path], plugins, settings=given_rate)
    order = [found.names.index(n) for n in m.names]
    assert len(found.names) == len(m.names) and found.unit == layout.unit and found.n_frames.tolist() == [len(m.filmed)]
    assert found.rate_hz == pytest.approx(m.rate_hz, rel=1e-6)
    expected = np.where(m.filmed[:, None, None], m.positions, np.nan)
    mm = found.positions[0][:, order] * (METRES_PER[layout.unit or "mm"] / METRES_PER["mm"])
    np.testing.assert_allclose(mm, expected, rtol=max(layout.rtol, 1e-12), atol=1e-5 * (layout.rtol > 0))
    if layout.trust:
        there = np.isfinite(expected).all(-1)
        np.testing.assert_allclose(found.confidence[0][:, order][there], m.confidence[there])
    else:
        assert found.confidence is None
    assert said == []
