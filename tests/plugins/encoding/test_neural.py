"""The stage `neural`: recordings of other programs to bins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core import DataError
from mimic_core.chain import do
from mimic_core.chain.installed import installed
from mimic_encoding.neural import COUNTS, SIGNAL, Neural
from mimic_encoding.session import Recording, Trials, bins, recording

TRIALS = "clip,start_s,end_s\nreach_a,1.0,1.1\nreach_b,2.0,2.06\n"


def csv(folder, **files):
    paths = []
    for name, text in files.items():
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text(text)
    return paths


def work(files, out, **options):
    do(installed(), "neural", files=files, out=out, **options)
    return Neural.load(out)


def test_spikes_of_a_csv_are_counted_by_hand(tmp_path):
    spikes = "unit,time_s\n3,1.001\n3,1.019\n3,1.021\n7,2.0\n7,2.0599\n7,5.0\n"
    found = work(csv(tmp_path, trials=TRIALS, spikes=spikes), tmp_path / "n.h5")
    assert found.kind_of_value == COUNTS and found.rate_hz == 50 and found.first_s == pytest.approx(0.01)
    assert found.trial_names == ("reach_a", "reach_b") and found.neuron_names == ("unit_3", "unit_7")
    np.testing.assert_array_equal(found.values[0, :, 0], [2, 1, 0, 0, 0])
    np.testing.assert_array_equal(found.values[1, :, 1], [1, 0, 1, np.nan, np.nan])


def test_signals_of_a_csv_are_averaged(tmp_path):
    time = np.arange(0.9, 2.2, 0.005)
    rows = "".join(f"{1e3 * t:.3f},{t},{'' if 1.02 < t < 1.039 else 2 * t}\n" for t in time)
    files = csv(tmp_path, trials=TRIALS, dff="time_ms,a,b\n" + rows)
    found = work(files, tmp_path / "n.h5", before_ms=20.0)
    assert found.kind_of_value == SIGNAL and found.first_s == pytest.approx(-0.01)
    np.testing.assert_allclose(found.values[0, 1, 0], np.mean([1.0, 1.005, 1.01, 1.015]), atol=3e-3)
    assert np.isfinite(found.values[0, :, 1]).sum() >= found.values.shape[1] - 1


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """An NWB file written by pynwb: two units, photometry and trials."""
    pynwb = pytest.importorskip("pynwb")
    from datetime import UTC, datetime

    nwb = pynwb.NWBFile("made up", "session", datetime(2026, 1, 1, tzinfo=UTC))
    nwb.add_trial_column("clip", "of the reach")
    nwb.add_trial(start_time=1.0, stop_time=1.1, clip="reach_a")
    nwb.add_trial(start_time=2.0, stop_time=2.06, clip="reach_b")
    nwb.add_unit(spike_times=[1.001, 1.019, 1.021], obs_intervals=[[0.0, 6.0]])
    nwb.add_unit(spike_times=[2.0, 2.0599, 5.0], obs_intervals=[[1.5, 6.0]])
    nwb.add_acquisition(
        pynwb.TimeSeries(name="dopamine", data=np.arange(400.0), unit="a.u.", rate=100.0, starting_time=0.0)
    )
    path = tmp_path_factory.mktemp("nwb") / "session.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(nwb)
    return path


@pytest.mark.slow
def test_units_of_nwb_as_pynwb_writes_them(session, tmp_path):
    found = work([session], tmp_path / "n.h5")
    np.testing.assert_array_equal(found.values[0, :, 0], [2, 1, 0, 0, 0])
    assert np.isnan(found.values[0, :, 1]).all(), "not observed then"
    np.testing.assert_array_equal(found.values[1, :3, 1], [1, 0, 1])


@pytest.mark.slow
def test_a_series_of_nwb(session, tmp_path):
    found = work([session], tmp_path / "n.h5", series=("dopamine",))
    assert found.neuron_names == ("dopamine",)
    np.testing.assert_allclose(found.values[0, :, 0], [100.5, 102.5, 104.5, 106.5, 108.5], atol=1.0)
    with pytest.raises(DataError, match=r"no series 'dopamin'.*dopamine"):
        work([session], tmp_path / "m.h5", series=("dopamin",))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.0, 1.0), max_size=40), st.sampled_from([0.01, 0.02, 0.05]))
def test_no_spike_is_counted_twice_or_lost(times, width):
    spikes = np.sort(np.array(times))
    one = Recording(Trials(np.zeros(1), np.ones(1), ("a",)), spikes={"n": spikes})
    found = bins(one, width, 0.0)
    assert np.nansum(found) == len(spikes)


BAD = {
    "no trial table": ({"spikes": "unit,time_s\n1,0.5\n"}, "needs one trial table"),
    "ends before it starts": ({"trials": "clip,start_s,end_s\na,2,1\n"}, "ends at 1 s, before it starts at 2 s"),
    "no names": ({"trials": "start_s,end_s\n1,2\n", "spikes": "unit,time_s\n1,1.5\n"}, "no column 'clip'.*--clips"),
    "twice": ({"trials": "clip,start_s,end_s\na,1,2\na,3,4\n"}, "two trials belong to clip 'a'"),
    "text": ({"trials": TRIALS, "dff": "time_s,a\n1.0,x\n"}, "'x' in row 1 of a is no number"),
    "no time": ({"trials": TRIALS, "dff": "t,a\n1.0,1\n"}, "no column time_s"),
    "no neurons": ({"trials": TRIALS}, "no neurons beside the trials"),
    "a time that is none": ({"trials": TRIALS, "spikes": "unit,time_s\n1,soon\n"}, "'soon' in row 1 of time_s"),
}


@pytest.mark.parametrize(("files", "message"), BAD.values(), ids=BAD)
def test_bad_files_are_one_line(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        recording(csv(tmp_path, **files), (), "")


def test_trials_are_named_by_a_pattern(tmp_path):
    files = csv(tmp_path, trials="start,end\n1,1.1\n2,2.1\n", spikes="unit,time\n1,1.05\n")
    assert work(files, tmp_path / "n.h5", clips="reach_{trial}").trial_names == ("reach_1", "reach_2")
