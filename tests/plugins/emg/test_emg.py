"""From raw EMG to envelopes: filters, windows, readers, and what a reader says of bad files."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from mimic_core import ConfigError, DataError, Emg
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_emg.pipeline import Trial, blocks, envelope, envelopes
from mimic_emg.raw import reader
from mimic_emg.settings import MeanEmg, Processing, RawEmg, SyntheticEmg
from mimic_emg.synthetic import record, synthetic_emg, write_raw

RATE = 30_000.0


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n)


def test_envelope_is_bandpass_rectify_lowpass():
    raw = noise(15_000)
    b, a = signal.butter(4, np.array([20, 1000]) / (RATE / 2), btype="band", output="ba")
    low = signal.butter(4, 50 / (RATE / 2))
    expected = signal.filtfilt(*low, np.abs(signal.filtfilt(b, a, raw)))
    middle = slice(3000, -3000)  # the two ways of filtering pad the ends differently
    np.testing.assert_allclose(envelope(raw, RATE, Processing())[middle], expected[middle], rtol=1e-3, atol=1e-4)


def test_envelope_of_a_tone_is_its_mean_absolute_value_without_delay():
    t = np.arange(30_000) / RATE
    burst = np.where((t > 0.4) & (t < 0.6), 3.0, 0.0)
    found = envelope(burst * np.sin(2 * np.pi * 300 * t), RATE, Processing())
    assert found[15_000] == pytest.approx(3 * 2 / np.pi, rel=0.02)  # mean of |sin| is 2/π
    half = np.flatnonzero(found > found[15_000] / 2)
    assert t[half[0]] == pytest.approx(0.4, abs=2e-3)
    assert t[half[-1]] == pytest.approx(0.6, abs=2e-3)


def test_blocks_of_a_ramp():
    ramp = np.arange(6000.0)
    found = blocks(ramp, RATE, start_s=0.1, end_s=0.12, config=Processing(samples=6))
    # blocks of 150 samples from sample 3000 on; the reach ends after four of them
    np.testing.assert_allclose(found, [3074.5, 3224.5, 3374.5, 3524.5, np.nan, np.nan])
    on = blocks(ramp, RATE, start_s=0.1, end_s=0.12, config=Processing(samples=6, past_end=True))
    np.testing.assert_allclose(on[4:], [3674.5, 3824.5])


def test_a_block_that_the_reach_does_not_fill_is_missing():
    found = blocks(np.ones(6000), RATE, 0.1, 0.1 + 0.0149, Processing(samples=4))
    assert np.isfinite(found).tolist() == [True, True, False, False]


@given(rate=st.floats(2100, 40_000), start=st.floats(0, 0.2), samples=st.integers(1, 80))
@settings(max_examples=50, deadline=None)
def test_blocks_of_any_rate_lie_at_their_times(rate, start, samples):
    config = Processing(samples=samples)
    t = np.arange(int(rate)) / rate
    found = blocks(t, rate, start, 1.0, config)
    expected = start + (np.arange(samples) + 0.5) / 200
    np.testing.assert_allclose(found, expected, atol=1.01 / rate)


def test_envelopes_are_shares_of_the_percentile_over_all_trials():
    trials = [Trial(size * noise(9000, i), 0.05, 0.25, "x") for i, size in enumerate((1, 2, 5))]
    found = envelopes(trials, RATE, Processing(samples=40))
    plain = np.stack(
        [blocks(envelope(t.raw, RATE, Processing()), RATE, 0.05, 0.25, Processing(samples=40)) for t in trials]
    )
    np.testing.assert_allclose(found, plain / np.percentile(plain, 98))
    assert np.percentile(found, 98) == pytest.approx(1)
    half = envelopes(trials, RATE, Processing(samples=40, percentile=50))
    assert np.median(half) == pytest.approx(1)


@given(gain=st.floats(1e-6, 1e6))
@settings(max_examples=10, deadline=None)
def test_the_unit_of_the_recording_does_not_matter(gain):
    def found(raw):
        return envelopes([Trial(raw, 0.02, 0.12, "x")], RATE, Processing(samples=20))

    np.testing.assert_allclose(found(gain * noise(6000)), found(noise(6000)), rtol=1e-9)


@pytest.mark.parametrize(
    ("trial", "rate", "config", "says"),
    [
        (
            Trial(noise(3000), 0.05, 0.2, "a.csv, trial 1"),
            30_000,
            {},
            "0.05 to 0.2 s, but what is recorded around it is at 0 to 0.1 s",
        ),
        (Trial(noise(3000), -0.1, 0.05, "a.csv, trial 1"), 30_000, {}, "check the trial table"),
        (
            Trial(noise(900), 0.05, 0.2, "a.csv"),
            1500,
            {},
            "1500 Hz, but a filter edge at 1000 Hz needs more than 2000 Hz",
        ),
        (Trial(noise(30), 0.05, 0.2, "a.csv"), 100, {"bandpass_hz": (5, 40), "lowpass_hz": 4}, "envelope_rate_hz=100"),
        (Trial(np.array([1, np.nan, 2.0]), 0, 1, "a.csv, trial 3"), 30_000, {}, "a.csv, trial 3: sample 2 is missing"),
        (Trial(np.zeros(9000), 0.05, 0.2, "a.csv"), 30_000, {}, "zero throughout"),
        (Trial(noise(9000), 0.05, 0.051, "a.csv"), 30_000, {}, "shorter than one sample"),
        (Trial(noise(40), 0, 0.001, "a.csv"), 30_000, {}, "too few to be filtered"),
    ],
)
def test_what_the_pipeline_refuses(trial, rate, config, says):
    with pytest.raises(DataError, match=r"^a\.csv") as e:
        envelopes([trial], rate, Processing(**config))
    assert says in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("wrong", [{"bandpass_hz": (1000, 20)}, {"lowpass_hz": 0}, {"percentile": 0}, {"samples": 0}])
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="must be"):
        Processing(**wrong)


# --- raw .csv files and a trial table ---

SMALL = {"recorded_rate_hz": 4000.0, "frame_rate_hz": 200.0, "samples": 20}


@pytest.fixture
def files(tmp_path):
    """Two muscles, four trials at 4 kHz; the third has no reach, the others begin at frames 40, 30 and 20."""
    for i, muscle in enumerate(("emg_biceps", "Triceps_EMG")):
        rows = [",".join(f"{v:.6f}" for v in noise(2000, 10 * i + k)) for k in range(4)]
        (tmp_path / f"{muscle}.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "trials.csv").write_text(",start,end,note\n0,40,60,\n1,30,50,good\n2,,,missed\n3,20,35,\n")
    return [tmp_path / n for n in ("emg_biceps.csv", "trials.csv", "Triceps_EMG.csv")]


def test_csv_files_and_a_trial_table(files):
    found = reader(RawEmg(**SMALL))(files)
    assert found.muscle_names == ("biceps", "Triceps")
    assert found.trial_names == ("trial_001", "trial_002", "trial_004")
    assert found.envelope.shape == (3, 20, 2)
    np.testing.assert_allclose(found.time, 0.0025 + np.arange(20) / 200)
    # the last reach lasts 15 frames of 5 ms; the others 20
    assert np.isfinite(found.envelope).sum(axis=(1, 2)).tolist() == [40, 40, 30]
    raws = [np.array(line.split(","), float) for line in files[0].read_text().splitlines()]
    config = Processing(samples=20)
    plain = np.stack(
        [
            blocks(envelope(raws[k], 4000, config), 4000, s / 200, e / 200, config)
            for k, s, e in ((0, 40, 60), (1, 30, 50), (3, 20, 35))
        ]
    )
    np.testing.assert_allclose(found.envelope[..., 0], plain / np.nanpercentile(plain, 98))
    assert found.methods.endswith("has no reach for them: 1.")
    assert (found.averaged_trials, found.synthetic) == (1, False)


def test_first_line_that_counts_samples_and_column_without_name_are_no_data(files):
    plain = reader(RawEmg(**SMALL))(files)
    lines = files[0].read_text().splitlines()
    header = "," + ",".join(map(str, range(2000)))
    files[0].write_text("\n".join([header, *(f"{i},{line}" for i, line in enumerate(lines))]))
    np.testing.assert_array_equal(reader(RawEmg(**SMALL))(files).envelope, plain.envelope)


def test_names_of_trials(files):
    def names(table=None, **config):
        if table:
            files[1].write_text(table)
        return reader(RawEmg(**SMALL, **config))(files).trial_names

    assert names(clips=("reach_{:02d}",)) == ("reach_01", "reach_02", "reach_04")
    assert names(clips=("a", "b", "c")) == ("a", "b", "c")
    assert names("start,end,trial\n40,60,7\n30,50,9\n,,10\n20,35,12\n", clips=("t{}",)) == ("t7", "t9", "t12")
    assert names("start,end,clip\n40,60,x\n30,50,y\n,,z\n20,35,w\n") == ("x", "y", "w")


def test_names_of_clips_are_text_as_it_stands(files):
    """007 keeps its zeros, 12 stays no fraction beside an empty cell, NA is a name, and an empty cell is none."""
    for header in ("clip", "clip "):
        files[1].write_text(f"{header},start,end\n007,40,60\n,30,50\n12,,\nNA,20,35\n")
        assert reader(RawEmg(**SMALL))(files).trial_names == ("007", "trial_002", "NA")
    files[1].write_text("start,end,clip\n40,60, 12\n30,50\n,,\n20,35,b\n")
    assert reader(RawEmg(**SMALL))(files).trial_names == ("12", "trial_002", "b")


def test_recordings_of_one_name_are_refused(files, tmp_path):
    for day in ("day1", "day2"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "emg_biceps.csv").write_text(files[0].read_text())
    both = [tmp_path / day / "emg_biceps.csv" for day in ("day1", "day2")]
    with pytest.raises(DataError, match=r"day2/emg_biceps.csv: has the same name as .*day1/emg_biceps.csv; rename one"):
        reader(RawEmg(**SMALL))([*both, files[1]])
    assert reader(RawEmg(**SMALL))([both[0], both[0], files[1]]).muscle_names == ("biceps",)


@pytest.mark.parametrize("empty", [",,,", "nan,nan"])
@pytest.mark.parametrize("indexed", [False, True])
def test_a_trial_that_one_muscle_lacks_is_missing_in_it_alone(files, empty, indexed):
    """The first row is empty in one of two muscles, the third has no reach and is not read."""
    whole = reader(RawEmg(**SMALL))(files)
    lines = files[0].read_text().splitlines()
    lines[0], lines[2] = empty, "broken,,0.5"
    if indexed:
        lines = ["," + ",".join(map(str, range(2000))), *(f"{i},{line}" for i, line in enumerate(lines))]
    files[0].write_text("\n".join(lines))
    found = reader(RawEmg(**SMALL))(files)
    assert np.isnan(found.envelope[0, :, 0]).all()
    np.testing.assert_array_equal(found.envelope[..., 1], whole.envelope[..., 1])
    rest = whole.envelope[1:, :, 0]
    np.testing.assert_allclose(found.envelope[1:, :, 0], rest / np.nanpercentile(rest, 98))
    assert found.methods.endswith("Trials in which a muscle was not recorded: biceps in 1 of 3.")


def test_muscles_by_patterns(files):
    found = reader(RawEmg(**SMALL, muscles={"arm": "*biceps*"}))(files)
    assert found.muscle_names == ("arm",)


@pytest.mark.parametrize(
    ("change", "config", "says"),
    [
        ({"trials.csv": "start,stop\n1,2\n"}, {}, "needs one trial table, a .csv with columns start and end"),
        ({"trials.csv": "start,end\n40,60\n30,50\n"}, {}, "has 4 rows, but the trial table"),
        ({"trials.csv": "start,end\n40,60\n50,30\n,\n1,2\n"}, {}, "row 2 ends before it starts"),
        ({"trials.csv": "start,end\n,\n,\n,\n3,3\n"}, {}, "no trial has a start and an end"),
        ({"trials.csv": "start,end\nsoon,60\n30,50\n,\n1,2\n"}, {}, "'soon' in trial 1, column start, is no number"),
        (
            {"trials.csv": "start,end\n40,900\n30,50\n,\n1,2\n"},
            {"samples": 100},
            "at 0 to 0.5 s; check the trial table",
        ),
        ({"trials.csv": "start,end,trial\n4,60,1.5\n3,5,2\n,,3\n1,2,4\n"}, {}, "trial must hold whole numbers"),
        ({"emg_biceps.csv": ""}, {}, "emg_biceps.csv: is empty"),
        ({"emg_biceps.csv": "1,2,x\n" + 3 * "1,2\n"}, {}, "sample 3 of trial 1 is 'x', no number"),
        ({"emg_biceps.csv": "1,2\n1,,3\n" + 2 * "1,2\n"}, {}, "sample 2 of trial 2 is empty; fill it in, or clear"),
        ({"emg_biceps.csv": 4 * ",,,\n"}, {}, "emg_biceps.csv, trial 1: is empty, and so is every other trial"),
        ({"emg_biceps.csv": "s0,s1\n"}, {}, "has a header but no trials"),
        ({}, {"clips": ("a", "b")}, "3 trials have a reach, but emg.clips has 2 names"),
        ({}, {"clips": ("a", "b", "a")}, "two trials are called 'a'"),
        ({}, {"clips": ("t{x}",)}, "cannot take a trial's number"),
        ({}, {"muscles": {"arm": "emg_bicep"}}, "matches no file; did you mean emg_biceps"),
        ({}, {"muscles": {"arm": "*"}}, "matches emg_biceps, Triceps_EMG; it must match one file"),
    ],
)
def test_what_the_csv_reader_refuses(files, tmp_path, change, config, says):
    for name, text in change.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as e:
        reader(RawEmg(**{**SMALL, **config}))(files)
    assert says in str(e.value)
    assert "\n" not in str(e.value)


def test_rates_are_never_assumed(files):
    for rate, said in (
        ("recorded", r"emg_biceps\.csv: does not hold the rate it was recorded at; give it with "),
        ("frame", r"trials\.csv: does not tell how many frames a second its column start counts"),
    ):
        with pytest.raises(DataError, match=said + r".*--set emg\." + rate + "_rate_hz=RATE"):
            reader(RawEmg(**{**SMALL, f"{rate}_rate_hz": None}))(files)


def test_files_as_spreadsheets_write_them(files):
    plain = reader(RawEmg(**SMALL))(files)
    for f in files:
        f.write_text(f.read_text().replace(",", ";").replace(".", ","), encoding="utf-16")
    np.testing.assert_array_equal(reader(RawEmg(**SMALL))(files).envelope, plain.envelope)


@pytest.mark.parametrize(("unit", "per_s"), [("_s", 1.0), ("_ms", 1e3)])
def test_a_trial_table_may_count_in_s_or_ms(files, unit, per_s):
    plain = reader(RawEmg(**SMALL))(files)
    rows = [(40, 60), (30, 50), None, (20, 35)]
    lines = [",".join(str(n / 200 * per_s) for n in row) if row else "," for row in rows]
    files[1].write_text("\n".join([f"start{unit},end{unit}", *lines]))
    found = reader(RawEmg(**{**SMALL, "frame_rate_hz": None}))(files)
    np.testing.assert_array_equal(found.envelope, plain.envelope)


def test_missing_files_and_mixtures(files, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        reader(RawEmg())([tmp_path / "none.csv"])
    with pytest.raises(DataError, match="name the recordings too"):
        reader(RawEmg())([files[1]])
    (tmp_path / "a.nwb").write_text("")
    with pytest.raises(DataError, match="is read alone"):
        reader(RawEmg())([tmp_path / "a.nwb", files[1]])


# --- mean curves ---


def mean(path, text, **config):
    from mimic_emg.mean_curve import reader

    path.write_text(text)
    return reader(MeanEmg(**{"averaged_trials": 12, **config}))([path])


def test_mean_curves(tmp_path):
    text = "time_ms,biceps,biceps_sem,triceps\n10,0.5,0.1,0.2\n20,0.6,0.2,0.3\n30,0.7,0.3,0.4\n"
    found = mean(tmp_path / "m.csv", text)
    assert (found.muscle_names, found.trial_names, found.averaged_trials) == (("biceps", "triceps"), ("mean",), 12)
    np.testing.assert_allclose(found.time, [0.01, 0.02, 0.03])
    np.testing.assert_allclose(found.envelope[0].T, [[0.5, 0.6, 0.7], [0.2, 0.3, 0.4]])
    np.testing.assert_allclose(found.sem[0].T, [[0.1, 0.2, 0.3], [np.nan] * 3])
    found.save(tmp_path / "m.h5")
    np.testing.assert_array_equal(Emg.load(tmp_path / "m.h5").envelope, found.envelope)


def test_mean_curves_with_named_columns(tmp_path):
    text = "t,a,b,se\n0,1,2,3\n2,3,4,5\n"
    found = mean(tmp_path / "m.csv", text, time="t", time_unit="ms", columns={"x": "b"}, sem={"x": "se"})
    assert (found.muscle_names, found.rate_hz) == (("x",), 500)
    np.testing.assert_allclose(found.sem[0, :, 0], [3, 5])


@pytest.mark.parametrize(
    ("text", "config", "says"),
    [
        ("", {}, "is empty"),
        ("time,a\n0,1\n", {}, "has 1 rows of samples"),
        ("t,a\n0,1\n1,2\n", {}, "emg.time=COLUMN"),
        ("time,a\n0,1\n1,2\n5,3\n", {}, "does not rise in even steps"),
        (
            "time,a\n0,1\n5,2\n",
            {},
            "read in s, gives 0.2 Hz, expected at least 10 Hz; if it is in ms, say so with --set emg.time_unit=ms",
        ),
        ("time_ms,a\n0,1\n1,\n", {}, "in row 3, column a, is no number"),
        ("time_ms\n0\n1\n", {}, "no column beside that of the time"),
        ("time_ms,arm\n0,1\n1,2\n", {"columns": {"x": "amr"}}, "emg.columns.x: has no column 'amr'; did you mean arm?"),
        ("time_ms,a,s\n0,1,1\n1,2,1\n", {"sem": {"b": "s"}}, "emg.sem.b: no such muscle"),
        ("time,a\n0,1\n1,2\n", {"averaged_trials": 0}, "emg.averaged_trials: must be given"),
    ],
)
def test_what_the_reader_of_means_refuses(tmp_path, text, config, says):
    with pytest.raises((DataError, ConfigError)) as e:
        mean(tmp_path / "m.csv", text, **config)
    assert says in str(e.value)


def test_published_mean_activation(shared_data):
    from mimic_emg.mean_curve import reader

    config = MeanEmg(averaged_trials=46, columns={"triceps": "triceps_emg", "biceps": "biceps_emg"})
    found = reader(config)([shared_data / "published_mean_activation.csv"])
    assert found.envelope.shape == (1, 60, 2)
    assert found.time[-1] == pytest.approx(0.25)


# --- made-up EMG of known activation ---


def bursts(n_clips=40, n_steps=141):
    """Rollouts whose flexor has one activation in all clips: a burst from 0 to 0.9 and back, and a smaller one."""
    r = synthetic_rollouts([n_steps] * n_clips)
    t = r.time[None, :]
    flexor = 0.9 * np.exp(-(((t - 0.12) / 0.04) ** 2)) + 0.5 * np.exp(-(((t - 0.26) / 0.03) ** 2))
    activation = r.activation.copy()
    activation[..., r.actuator_names.index("shoulder_flexor")] = flexor
    return attrs.evolve(r, activation=activation), flexor[0]


def same_way(values, rate_hz, config, duration_s):
    """A known amplitude through the same low-pass and the same blocks, without carrier and rectification."""
    lead = 0.25
    t = np.arange(int((duration_s + 2 * lead) * 30_000)) / 30_000
    smooth = signal.butter(4, config.lowpass_hz, fs=30_000, output="sos")
    amplitude = signal.sosfiltfilt(smooth, np.interp((t - lead) * rate_hz, np.arange(len(values)), values))
    return blocks(amplitude, 30_000, lead, lead + duration_s, config)


def test_the_pipeline_recovers_a_known_activation():
    """One recording scatters, as amplitude-modulated noise must; the mean of 40 follows what was put in."""
    r, known = bursts()
    config = SyntheticEmg(muscles=("shoulder_flexor",))
    found = synthetic_emg(r, config)
    assert found.synthetic
    assert found.trial_names == r.clip_names
    put_in = same_way(known, r.rate_hz, config, 0.35)
    seen = found.envelope[..., 0]
    kept = np.isfinite(seen[0]) & np.isfinite(put_in)
    assert kept.sum() == 60
    assert np.corrcoef(seen[:, kept].mean(0), put_in[kept])[0, 1] > 0.999
    each = [np.corrcoef(row[kept], put_in[kept])[0, 1] for row in seen]
    assert np.median(each) > 0.97
    smoother = SyntheticEmg(muscles=("shoulder_flexor",), lowpass_hz=20.0)
    put_in = same_way(known, r.rate_hz, smoother, 0.35)
    each = [np.corrcoef(row[kept], put_in[kept])[0, 1] for row in synthetic_emg(r, smoother).envelope[..., 0]]
    assert np.min(each) > 0.97


def test_made_up_emg_is_the_same_for_the_same_seed_and_leads_by_the_delay():
    r, _ = bursts(12)
    config = SyntheticEmg(muscles=("shoulder_flexor",), delay_ms=30.0, noise=0.0)
    first, again = (synthetic_emg(r, config).envelope for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, synthetic_emg(r, attrs.evolve(config, seed=1)).envelope)
    peak = synthetic_emg(r, config).time[np.argmax(first[..., 0].mean(0))]
    assert peak == pytest.approx(0.12 - 0.03, abs=0.01)


def test_made_up_excitation_holds_during_its_step():
    r = synthetic_rollouts([41], rate_hz=200.0)
    excitation = np.full_like(r.excitation, np.nan)
    excitation[:, 1:] = 0.0
    excitation[:, 11:21] = 1.0  # applied from 50 to 100 ms
    r = attrs.evolve(r, excitation=excitation)
    config = SyntheticEmg(signal="excitation", noise=0.0, muscles=("elbow_flexor",))
    (trial,) = record(r, config)["elbow_flexor"].trials
    on = np.flatnonzero(trial.raw) / 30_000 - config.lead_s
    assert (on[0], on[-1]) == pytest.approx((0.05, 0.1), abs=1e-3)


def test_made_up_recordings_in_files_give_the_same_envelopes(tmp_path):
    r = attrs.evolve(synthetic_rollouts([81, 61]), clip_names=('mouse 1, "left"', "007"))
    config = SyntheticEmg(muscles=("elbow_flexor", "elbow_extensor"), samples=30)
    direct = synthetic_emg(r, config)
    paths = write_raw(tmp_path, record(r, config), r.clip_names)
    assert [p.name for p in paths] == ["emg_elbow_flexor.csv", "emg_elbow_extensor.csv", "trials.csv"]
    read = reader(RawEmg(samples=30, recorded_rate_hz=config.recorded_rate_hz))(paths)
    assert (read.trial_names, read.muscle_names) == (direct.trial_names, direct.muscle_names)
    np.testing.assert_allclose(read.envelope, direct.envelope, atol=1e-3)
    kept = SyntheticEmg(muscles=("elbow_flexor",), save_raw=str(tmp_path / "raw"))
    synthetic_emg(r, kept)
    assert sorted(p.name for p in (tmp_path / "raw").iterdir()) == ["emg_elbow_flexor.csv", "trials.csv"]


def test_which_muscles_are_made_up(mouse):
    r = synthetic_rollouts([41])
    assert set(record(r, SyntheticEmg())) == set(r.muscle_names)
    body = attrs.evolve(mouse, emg_muscles={"biceps": "elbow_flexor"})
    assert list(record(attrs.evolve(r, body=body), SyntheticEmg())) == ["biceps"]
    with pytest.raises(ConfigError, match=r"emg.muscles: no muscle 'elbow_flexr'.*did you mean elbow_flexor"):
        record(r, SyntheticEmg(muscles=("elbow_flexr",)))
    with pytest.raises(DataError, match="its actuators are no muscles"):
        record(
            attrs.evolve(
                r,
                muscle_names=(),
                muscle_force=np.zeros((1, 41, 0)),
                muscle_length=np.zeros((1, 41, 0)),
                muscle_velocity=np.zeros((1, 41, 0)),
            ),
            SyntheticEmg(),
        )
