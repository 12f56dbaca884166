"""Raw EMG out of NWB files that pynwb wrote."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from mimic_core import DataError
from mimic_emg.pipeline import blocks, envelope
from mimic_emg.raw import reader
from mimic_emg.settings import Processing, RawEmg

pynwb = pytest.importorskip("pynwb")
RATE = 5000.0
REACHES = ((1.0, 1.2), (2.3, 2.4), (3.7, 4.0))


def raw(n_channels=2, seconds=5.0):
    return np.random.default_rng(1).standard_normal((int(seconds * RATE), n_channels))


@pytest.fixture
def session():
    return pynwb.NWBFile("reaches", "one", datetime(2024, 1, 2, tzinfo=UTC))


def electrodes(session, labels, column="label"):
    device = session.create_device("wires")
    group = session.create_electrode_group("arm", "EMG", "arm", device)
    if column == "label":
        session.add_electrode_column("label", "muscle")
    for label in labels:
        named = {"label": label, "location": "arm"} if column == "label" else {"location": label}
        session.add_electrode(group=group, **named)
    return session.create_electrode_table_region(list(range(len(labels))), "all")


def add_trials(session, reaches=REACHES, **columns):
    for name in columns:
        session.add_trial_column(name, "of the trial")
    for i, (start, stop) in enumerate(reaches):
        session.add_trial(start_time=start, stop_time=stop, **{name: c[i] for name, c in columns.items()})


def series(session, region, data, name="emg", **timing):
    timing = timing or {"rate": RATE, "starting_time": 0.5}
    session.add_acquisition(pynwb.ecephys.ElectricalSeries(name=name, data=data, electrodes=region, **timing))


def read(session, path, **config):
    with pynwb.NWBHDF5IO(str(path / "s.nwb"), "w") as io:
        io.write(session)
    return reader(RawEmg(**{"samples": 20, **config}))([path / "s.nwb"])


def expected(channel):
    """The whole recording filtered at once; it begins at 0.5 s of the session."""
    config = Processing(samples=20)
    amplitude = envelope(channel, RATE, config)
    plain = np.stack([blocks(amplitude, RATE, s - 0.5, e - 0.5, config) for s, e in REACHES])
    return plain / np.nanpercentile(plain, 98)


@pytest.mark.parametrize("column", ["label", "location"])
def test_channels_are_called_as_their_electrodes(session, tmp_path, column):
    data = raw()
    series(session, electrodes(session, ("EMG biceps", "triceps"), column), data)
    add_trials(session, clip=("a", "b", "c"))
    found = read(session, tmp_path)
    assert (found.muscle_names, found.trial_names) == (("biceps", "triceps"), ("a", "b", "c"))
    for i in range(2):  # filtered piece by piece, with half a second on either side
        np.testing.assert_allclose(found.envelope[..., i], expected(data[:, i]), rtol=1e-4, equal_nan=True)


def test_names_and_numbers_of_trials(session, tmp_path):
    series(session, electrodes(session, "ab"), raw())
    add_trials(session, clip=("007", "", "b"), trial=(3.0, 5.0, 6.0))
    assert read(session, tmp_path).trial_names == ("007", "trial_005", "b")


def test_a_reach_that_one_channel_lacks_is_missing_in_it_alone(session, tmp_path):
    data = raw()
    data[: int(1.25 * RATE), 0] = np.nan  # 0.5 to 1.75 s of the session: all that is read for the first reach
    series(session, electrodes(session, "ab"), data)
    add_trials(session)
    found = read(session, tmp_path)
    assert np.isnan(found.envelope[0, :, 0]).all()
    assert np.isfinite(found.envelope[0, :, 1]).all()
    assert np.isfinite(found.envelope[1:, :, 0]).any(axis=1).all()


def test_one_series_for_each_muscle_chosen_by_name(session, tmp_path):
    data, region = raw(), electrodes(session, ("x", "y"))
    for i, name in enumerate(("emg_biceps", "emg_triceps")):
        one = session.create_electrode_table_region([i], name)
        series(session, one, data[:, i], name=name, rate=RATE, starting_time=0.5)
    assert region is not None
    add_trials(session)
    found = read(session, tmp_path, muscles={"long_head": "*triceps"}, clips=("reach_{}",))
    assert (found.muscle_names, found.trial_names) == (("long_head",), ("reach_1", "reach_2", "reach_3"))
    np.testing.assert_allclose(found.envelope[..., 0], expected(data[:, 1]), rtol=1e-4, equal_nan=True)


def test_timestamps_give_the_rate(session, tmp_path):
    data = raw(1)
    series(session, electrodes(session, ("biceps",)), data, timestamps=0.5 + np.arange(len(data)) / RATE)
    add_trials(session)
    found = read(session, tmp_path)
    np.testing.assert_allclose(found.envelope[..., 0], expected(data[:, 0]), rtol=1e-4, equal_nan=True)
    assert "5000 Hz" in found.methods


def plain_series(session, name, data, **more):
    session.add_acquisition(pynwb.TimeSeries(name=name, data=data, unit="V", rate=RATE, starting_time=0.5, **more))


def test_plain_time_series(session, tmp_path):
    """Those that are called EMG; where muscles are named, any."""
    data = raw()
    plain_series(session, "emg_biceps", data[:, 0])
    plain_series(session, "wire2", data[:, 1], description="EMG of the triceps")
    plain_series(session, "lick", data[:, 1])
    add_trials(session)
    found = read(session, tmp_path)
    assert found.muscle_names == ("biceps", "wire2")
    for i in range(2):
        np.testing.assert_allclose(found.envelope[..., i], expected(data[:, i]), rtol=1e-4, equal_nan=True)
    config = RawEmg(samples=20, muscles={"tongue": "lick"})
    assert reader(config)([tmp_path / "s.nwb"]).muscle_names == ("tongue",)


def test_a_time_series_of_several_channels(session, tmp_path):
    plain_series(session, "EMG", raw())
    add_trials(session)
    assert read(session, tmp_path).muscle_names == ("channel0", "channel1")


@pytest.mark.parametrize(
    ("make", "config", "says"),
    [
        (
            lambda s: (plain_series(s, "wire", raw(1)), add_trials(s)),
            {},
            "name its muscles with --set emg.muscles.MUSCLE=wire",
        ),
        (lambda s: add_trials(s), {}, "has no ElectricalSeries, nor a TimeSeries that is called EMG"),
        (lambda s: series(s, electrodes(s, "ab"), raw()), {}, "has no trials"),
        (lambda s: (series(s, electrodes(s, "ab"), raw()), add_trials(s)), {"start": "go"}, "no column 'go'"),
        (
            lambda s: (series(s, electrodes(s, "ab"), raw()), add_trials(s, [(5.45, 5.6)])),
            {},
            "at 5.45 to 5.55 s, but what is recorded around it is at 4.95 to 5.5 s",
        ),
        (
            lambda s: (series(s, electrodes(s, "a"), raw(1), timestamps=np.arange(25_000.0) ** 1.1), add_trials(s)),
            {},
            "timestamps of emg are uneven",
        ),
        (
            lambda s: (series(s, electrodes(s, "ab"), raw()), add_trials(s, trial=("t1", "t2", "t3"))),
            {},
            "'t1' in trial 1, column trial, is no number",
        ),
        (
            lambda s: (series(s, electrodes(s, "ab"), raw()), add_trials(s, trial=(1.5, 2.0, 3.0))),
            {},
            "column trial must hold whole numbers",
        ),
        (
            lambda s: (series(s, electrodes(s, "ab"), raw()), add_trials(s)),
            {"muscles": {"biceps": "c"}},
            "emg.muscles.biceps='c' matches no electrode; known: a, b",
        ),
    ],
)
def test_what_the_nwb_reader_refuses(session, tmp_path, make, config, says):
    make(session)
    with pytest.raises(DataError, match=r"s\.nwb") as e:
        read(session, tmp_path, **config)
    assert says in str(e.value)
    assert "\n" not in str(e.value)


def test_a_damaged_file(tmp_path):
    (tmp_path / "s.nwb").write_text("no HDF5")
    with pytest.raises(DataError, match="not an HDF5 file"):
        reader(RawEmg())([tmp_path / "s.nwb"])
