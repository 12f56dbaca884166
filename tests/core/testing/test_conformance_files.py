"""Checks of registrations, readers and analyses on toy data: what is right passes, what is wrong is named."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from mimic_core import (
    AnalysisSpec,
    DataError,
    Emg,
    EmgReaderSpec,
    Headline,
    Keypoints,
    PluginError,
    ReaderSpec,
    Reads,
    RegistrationSpec,
    Result,
    Table,
)
from mimic_core.plugins.manager import Provided
from mimic_core.testing import check_component, toy_clips, toy_keypoints

BESIDE = [Headline("number", 1.0, nulls={"a constant": 0.5})]
TABLES = {"t": Table(columns=("a",), rows=((1,),))}


def passed(plugins, kind, record):
    return check_component(Provided(kind, "mine", record, "lab:files"), plugins)[2:]


def refused(plugins, kind, record):
    with pytest.raises(PluginError) as e:
        passed(plugins, kind, record)
    assert "\n" not in str(e.value)
    return str(e.value)


# -- registrations --------------------------------------------------------------------------------------------


def registration(plugins, **changed):
    """A method that knows the answer, with something changed: field → function of the clips."""

    def build(config, body):
        def register(keypoints, progress):
            given = toy_clips(plugins, frames=(20, 12))
            np.testing.assert_array_equal(keypoints.positions, toy_keypoints(given).positions)
            return attrs.evolve(given, **{k: f(given) for k, f in changed.items()})

        return register

    return RegistrationSpec(name="mine", summary="a test", build=build)


def test_a_registration_that_fits(plugins):
    assert passed(plugins, "registration", registration(plugins)) == ["registers the toy body"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"keypoint_names": lambda c: c.keypoint_names[::-1]},
            "keypoint_names are hand, elbow, shoulder, expected shoulder",
        ),
        ({"n_frames": lambda c: c.n_frames - 1}, "gives [19, 11] frames"),
        ({"qvel": lambda c: c.qvel * np.nan}, "qpos or qvel is not finite within a clip"),
        ({"error_mm": lambda c: c.error_mm + 5.0}, "are fitted to 5 mm on average, expected less than"),
    ],
)
def test_bad_registration(plugins, changed, said):
    assert said in refused(plugins, "registration", registration(plugins, **changed))


def test_registration_of_another_type(plugins):
    spec = RegistrationSpec(
        name="mine", summary="a test", build=lambda config, body: lambda keypoints, progress: keypoints
    )
    assert "register returns Keypoints; return mimic_core.ReferenceClips" in refused(plugins, "registration", spec)


# -- readers --------------------------------------------------------------------------------------------------


def write_example(folder):
    path = folder / "trial.xyz"
    path.write_text("1 2 3\n4 5 6\n")
    return path


def read_xyz(path):
    try:
        rows = np.loadtxt(path, encoding="utf-8", ndmin=2)
    except (ValueError, UnicodeDecodeError) as e:
        raise DataError(f"{path}: no table of numbers; expected three per line") from e
    return Keypoints.from_array(rows[:, None], ("hand",), 100.0)


def reader(read=read_xyz, **more):
    given = {"suffixes": (".xyz",), "example": write_example, "summary": "a test", "build": lambda config: read}
    return ReaderSpec(name="mine", **{**given, **more})


def test_a_reader_reads_its_example_and_refuses_what_is_foreign(plugins):
    assert passed(plugins, "reader", reader())[2:] == ["example file", "foreign file"]
    assert passed(plugins, "reader", reader(example=None))[2:] == ["example file (none given)", "foreign file"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (reader(accepts=lambda path: False), "does not accept its own"),
        (reader(lambda path: "keypoints"), "reads str from its example; return mimic_core.Keypoints"),
        (
            reader(lambda path: attrs.evolve(read_xyz(path), positions=np.full((1, 2, 1, 3), np.nan))),
            "reads no position",
        ),
        (
            reader(lambda path: Keypoints.from_array(np.ones((2, 1, 3)), ("hand",), 100.0)),
            "foreign .xyz file without a word",
        ),
        (
            reader(lambda path: Keypoints.from_array(np.loadtxt(path, encoding="utf-8")[:, None], ("hand",), 100.0)),
            "a foreign .xyz file ends in UnicodeDecodeError",
        ),
    ],
)
def test_bad_reader(plugins, spec, said):
    assert said in refused(plugins, "reader", spec)


def emg_reader(read):
    def build(config):
        return lambda files: read(files)

    return EmgReaderSpec(name="mine", summary="a test", build=build, example=lambda folder: [write_example(folder)])


def read_emg(files):
    rows = read_xyz(files[0]).positions[0, :, 0]
    return Emg(rate_hz=100.0, trial_names=("a",), muscle_names=("b", "c", "d"), envelope=rows[None])


def test_a_reader_of_emg(plugins):
    assert passed(plugins, "emg_reader", emg_reader(read_emg))[1:] == ["example files", "foreign file"]
    assert "foreign .csv file without a word" in refused(
        plugins, "emg_reader", emg_reader(lambda files: read_emg([write_example(files[0].parent)]))
    )
    assert "reads str from its example" in refused(plugins, "emg_reader", emg_reader(lambda files: "emg"))


# -- analyses -------------------------------------------------------------------------------------------------


def analysis(analyse, *reads):
    return AnalysisSpec(
        name="mine", summary="a test", build=lambda config: analyse, reads=reads or (Reads("rollouts"),)
    )


def speed(inputs, context):
    speed = float(np.nanmean(np.abs(inputs.one("rollouts").joint_vel)))
    return Result(
        metrics={"speed": speed}, headlines=[Headline("speed", speed, "rad/s", nulls={"standing still": 0.0})]
    )


def refuses(inputs, context):
    raise DataError("rollouts: no muscle 'triceps'")


def test_analyses_get_what_they_read(plugins):
    seen = {}

    def analyse(inputs, context):
        seen.update({kind: len(inputs.all(kind)) for kind in inputs})
        return speed(inputs, context)

    several = (Reads("rollouts"), Reads("emg", several=True), Reads("clips", optional=True))
    assert passed(plugins, "analysis", analysis(analyse, *several)) == ["synthetic records"]
    assert seen == {"rollouts": 1, "emg": 2, "clips": 1}


@pytest.mark.parametrize(
    ("analyse", "reads", "remark"),
    [
        (speed, (Reads("sweep"),), "not tried: there are no synthetic sweep"),
        (refuses, (), "not tried: it refuses synthetic records (rollouts: no muscle 'triceps')"),
    ],
)
def test_what_cannot_be_tried_is_said(plugins, analyse, reads, remark):
    assert passed(plugins, "analysis", analysis(analyse, *reads)) == [f"synthetic records ({remark})"]


@pytest.mark.parametrize(
    ("analyse", "reads", "said"),
    [
        (lambda inputs, context: {"speed": 1.0}, (), "returns dict; return mimic_core.Result"),
        (lambda inputs, context: Result(), (), "finds neither metrics nor tables nor figures"),
        (lambda inputs, context: Result(metrics={"a": 1}), (), "puts none of its numbers beside a null model"),
        (lambda inputs, context: Result(metrics={"f": print}, headlines=BESIDE), (), "TypeError"),
        (lambda inputs, context: Result(tables={"t": Table(columns=("a",), rows=((1, 2),))}), (), "row has 2 entries"),
        (lambda inputs, context: Result(tables=TABLES, captions={"map": "x"}), (), "has a caption for figure 'map'"),
        (speed, (Reads("plates"),), "reads records of kind 'plates', which nothing makes"),
    ],
)
def test_bad_analysis(plugins, analyse, reads, said):
    assert said in refused(plugins, "analysis", analysis(analyse, *reads))
