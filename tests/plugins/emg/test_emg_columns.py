"""Recordings with a column of times and a channel in each other column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mimic_core import DataError
from mimic_emg import build_raw
from mimic_emg.settings import RawEmg

RATE, STARTS = 2000.0, (1.0, 3.0, 5.0)
CONFIG = RawEmg(bandpass_hz=(20.0, 450.0))


@pytest.fixture
def cells():
    """Noise that is tenfold during the reaches in the biceps, and between them in the triceps."""
    time = np.arange(0, 6.0, 1 / RATE)
    active = np.any([(time >= s) & (time < s + 0.3) for s in STARTS], axis=0)
    noise = np.random.default_rng(0).normal(size=(2, len(time))) * 0.02
    return pd.DataFrame({"time": time, "biceps": noise[0] * np.where(active, 10, 1), "triceps": noise[1]})


@pytest.fixture
def trials(tmp_path):
    pd.DataFrame({"start": STARTS, "end": [s + 0.3 for s in STARTS]}).to_csv(tmp_path / "trials.csv", index=False)
    return tmp_path / "trials.csv"


def csv(path, cells):
    cells.to_csv(path, index=False)
    return path


def sto(path, cells):
    body = cells.to_csv(sep="\t", index=False)
    path.write_text(f"emg\nversion=1\nnRows={len(cells)}\nnColumns={cells.shape[1]}\ninDegrees=no\nendheader\n{body}")
    return path


@pytest.mark.parametrize("write", [csv, sto])
def test_reaches_are_cut_by_the_recordings_own_clock(cells, trials, tmp_path, write):
    file = write(tmp_path / f"emg.{write.__name__}", cells)
    found = build_raw(CONFIG)([trials, file])
    assert found.muscle_names == ("biceps", "triceps") and found.envelope.shape == (3, 60, 2)
    assert np.isfinite(found.envelope).all() and "2000" in found.methods


@pytest.mark.parametrize("how", [{"sep": ";", "decimal": ","}, {"sep": "\t"}, {"sep": ";", "encoding": "utf-16"}])
def test_tables_as_spreadsheets_write_them(cells, trials, tmp_path, how):
    plain = build_raw(CONFIG)([trials, csv(tmp_path / "emg.csv", cells)])
    cells.to_csv(tmp_path / "other.csv", index=False, **how)
    pd.read_csv(trials).to_csv(tmp_path / "rows.csv", index=False, **how)
    found = build_raw(CONFIG)([tmp_path / "rows.csv", tmp_path / "other.csv"])
    np.testing.assert_allclose(found.envelope, plain.envelope)


def test_times_in_ms(cells, trials, tmp_path):
    plain = build_raw(CONFIG)([trials, csv(tmp_path / "emg.csv", cells)])
    table = pd.read_csv(trials) * 1e3
    table.rename(columns=lambda c: f"{c}_ms").to_csv(tmp_path / "ms.csv", index=False)
    late = cells.assign(time=cells["time"] * 1e3).rename(columns={"time": "time_ms"})
    found = build_raw(CONFIG)([tmp_path / "ms.csv", csv(tmp_path / "late.csv", late)])
    np.testing.assert_allclose(found.envelope, plain.envelope, rtol=1e-6)


def moved(trials, sooner):
    table = pd.read_csv(trials) - sooner
    table.to_csv(trials.with_name("early.csv"), index=False)
    return trials.with_name("early.csv")


def test_the_burst_lies_where_the_clock_says(cells, trials, tmp_path):
    """Trials that begin 150 ms before the burst: quiet in their first half, active in their second."""
    found = build_raw(CONFIG)([csv(tmp_path / "emg.csv", cells), moved(trials, 0.15)])
    envelope = found.envelope[..., 0]
    assert envelope[:, 35:55].mean() > 4 * envelope[:, 5:25].mean()


@pytest.mark.parametrize("shift", [1.5, -2.0])
def test_a_reach_outside_of_the_recording_is_refused(cells, trials, tmp_path, shift):
    with pytest.raises(DataError, match=r"emg\.csv: holds 0 to 5\.9995 s, but the reach of row"):
        build_raw(CONFIG)([csv(tmp_path / "emg.csv", cells), moved(trials, -shift)])


def test_what_is_no_such_recording(cells, trials, tmp_path):
    file = csv(tmp_path / "emg.csv", cells)
    with pytest.raises(DataError, match="is read with one trial table"):
        build_raw(CONFIG)([file])
    with pytest.raises(DataError, match="times are uneven"):
        build_raw(CONFIG)([csv(tmp_path / "cut.csv", cells.drop(range(500, 900))), trials])
    (tmp_path / "a.sto").write_text("time\tbiceps\n0\t1\n")
    with pytest.raises(DataError, match=r"no line 'endheader'"):
        build_raw(CONFIG)([tmp_path / "a.sto", trials])
    with pytest.raises(DataError, match=r"bandpass|Hz"):
        build_raw(RawEmg())([file, trials])
