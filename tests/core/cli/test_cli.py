"""The commands that work on data: one JSON object on standard output, one line for every error."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from fake_plugins import mimic

from mimic_core.records.clips import ReferenceClips
from mimic_core.records.keypoints import Keypoints


@pytest.fixture(scope="module")
def keypoints(tmp_path_factory):
    """Synthetic reaches of the mouse, made by the command itself; and what it said."""
    out = tmp_path_factory.mktemp("cli") / "keypoints.h5"
    done = mimic(
        "generate",
        "--body",
        "mouse_forelimb",
        "--seed",
        4,
        "--set",
        "clips=3",
        "--set",
        "generate.frames=30",
        "--out",
        out,
        "--json",
    )
    assert done.returncode == 0, done.stderr
    return out, done


@pytest.fixture
def here(monkeypatch, capfd):
    """Run a command in this process; return exit status, standard output and standard error."""

    def run(*arguments) -> tuple[int, str, str]:
        from mimic_core import cli

        monkeypatch.setattr(sys, "argv", ["mimic", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as e:
            cli.main()
        return e.value.code, *capfd.readouterr()

    return run


@pytest.fixture
def failing(here):
    """Run a command that fails; return its one line."""

    def run(*arguments) -> str:
        status, out, err = here(*arguments)
        assert status == 1 and out == ""
        lines = err.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("mimic: error: "), err
        return lines[0].removeprefix("mimic: error: ")

    return run


# -- what works -----------------------------------------------------------------------------------------------


def test_generate_prints_one_object_and_writes_the_file(keypoints):
    out, done = keypoints
    said = json.loads(done.stdout)  # exactly one
    assert (said["clips"], said["frames"], said["rate_hz"], said["origin"]) == (3, 90, 200.0, "synthetic")
    assert said["keypoints"] == ["shoulder", "elbow", "wrist", "paw"]
    loaded = Keypoints.load(out)
    assert loaded.positions.shape == (3, 30, 4, 3) and loaded.origin == "synthetic"


@pytest.mark.usefixtures("without_shape_checks")
def test_register_prints_one_object_and_writes_the_clips(keypoints, tmp_path):
    out = tmp_path / "clips.h5"
    done = mimic(
        "register",
        str(keypoints[0]),
        "--body",
        "mouse_forelimb:revised",
        "--out",
        str(out),
        "--set",
        "register.max_iterations=5",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert {"error_mm", "frames", "clips", "seconds", "scale", "keypoints", "out"} <= said.keys()
    assert said["error_mm"].keys() == {"mean", "median", "p95", "max", "per_keypoint"}
    assert said["error_mm"]["per_keypoint"].keys() == {"shoulder", "elbow", "wrist", "paw"}
    assert 0 < said["error_mm"]["median"] <= said["error_mm"]["p95"] <= said["error_mm"]["max"]
    assert (said["clips"], said["frames"], said["body"]) == (3, 90, "mouse_forelimb:revised")
    clips = ReferenceClips.load(out)
    assert clips.body.variant == "revised" and clips.qpos.shape == (3, 30, 4)
    assert clips.error_summary()["mean"] == pytest.approx(said["error_mm"]["mean"])
    assert clips.provenance["settings"]["max_iterations"] == 5
    assert [p.name for p in tmp_path.iterdir()] == ["clips.h5"]  # no temporary file is left


@pytest.mark.slow
def test_train_rollout_and_analyze_by_hand(toy_clips, tmp_path):
    """The chain, a command at a time, on the toy arm."""
    toy_clips.save(tmp_path / "clips.h5")
    small = [
        "encoder_layers=[8]",
        "decoder_layers=[8]",
        "critic_layers=[8]",
        "intention_size=2",
        "environments=8",
        "batch_size=8",
        "minibatches=1",
        "passes=1",
        "unroll=5",
        "steps=80",
        "evaluations=1",
    ]
    done = mimic(
        "train",
        "clips.h5",
        "--out",
        "run",
        "--policy",
        "bottleneck_ppo",
        "--holdout",
        "0.3",
        "--seed",
        "2",
        "--set",
        "rewards.control.weight=0.15",
        *[x for s in small for x in ("--set", f"policy.{s}")],
        "--json",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["policy"], said["seed"], said["held_out_clips"], said["train_clips"]) == ("bottleneck_ppo", 2, 2, 4)
    assert said["training"]["control_steps"] == 80
    plan = json.loads((tmp_path / "run" / "run.json").read_text())["plan"]
    assert plan["settings"]["rewards"]["control"] == {"weight": 0.15} and plan["holdout"] == 0.3

    done = mimic("rollout", "run", "--out", "rollouts.h5", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["simulator"] == "mujoco" and said["tracking"]["by_split"]["held_out"]["clips"] == 2
    assert said["tracking"]["keypoint_mm"]["mean"] > 0 and said["tracking"]["joint_deg_mean"] > 0

    done = mimic("analyze", "tracking", "rollouts.h5", "--out", "tracking", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["keypoint_mm"] == said["tracking"]["keypoint_mm"]
    assert (tmp_path / "tracking" / "keypoint_error.csv").is_file()


@pytest.mark.slow
def test_without_json_a_table_is_read(keypoints, tmp_path):
    done = mimic(
        "register",
        str(keypoints[0]),
        "--body",
        "mouse_forelimb",
        "--out",
        str(tmp_path / "c.h5"),
        "--set",
        "max_iterations=2",
    )
    assert done.returncode == 0, done.stderr
    assert "Distance of keypoints from the fitted body" in done.stdout and "3 clips, 90 frames at 200 Hz" in done.stdout


def wide_csv(path: Path, clip: np.ndarray, names, per_metre: float = 1.0) -> Path:
    """One clip (frame, keypoint, 3) m at 200 Hz; missing positions are empty cells."""
    columns = [f"{name}_{axis}" for name in names for axis in "xyz"]
    table = pd.DataFrame(per_metre * clip.reshape(len(clip), -1), columns=columns)
    table.insert(0, "time", np.arange(len(clip)) / 200)
    table.to_csv(path, index=False)
    return path


def test_millimetres_are_registered_when_said(here, failing, keypoints, tmp_path):
    recorded = Keypoints.load(keypoints[0])
    found = {}
    for unit, per_metre in (("m", 1.0), ("mm", 1e3)):
        file = wide_csv(tmp_path / f"{unit}.csv", recorded.positions[0], recorded.names, per_metre)
        out = tmp_path / f"{unit}_clips.h5"
        given = ("register", file, "--body", "mouse_forelimb", "--out", out, "--set", "alignment=none", "--json")
        status, said, err = here(*given, "--unit", unit)
        assert status == 0, err
        assert json.loads(said)["unit"] == {"m": "metres, as said", "mm": "millimetres, as said"}[unit]
        found[unit] = ReferenceClips.load(out)
    for field in ("qpos", "site_pos", "tracked_pos", "error_mm"):
        np.testing.assert_allclose(getattr(found["mm"], field), getattr(found["m"], field), atol=1e-9, err_msg=field)
    assert found["mm"].body.scale == pytest.approx(found["m"].body.scale)
    said = failing(*given)  # the last file, whose unit is not said
    assert said.startswith(f"{file}: distances between keypoints are ") and said.endswith("; give --unit mm")
    said = failing(*given, "--unit", "inch")
    assert said.startswith("unit 'inch': not known; known: ")


@pytest.mark.slow
def test_register_reports_how_good_the_fit_is(here, keypoints, tmp_path):
    clips, folder = tmp_path / "clips.h5", tmp_path / "quality"
    given = ("register", keypoints[0], "--body", "mouse_forelimb", "--out", clips, "--report", folder)
    status, out, err = here(*given, "--set", "alignment=none", "--set", "max_iterations=5")
    assert status == 0, err
    assert "positions taken as metres" in out and "tables and figures" in " ".join(out.split())
    result = json.loads((folder / "result.json").read_text())
    assert {"keypoint_error", "offsets", "joints", "worst_frames", "clips"} <= result["tables"].keys()
    for table in result["tables"]:
        assert len(pd.read_csv(folder / f"{table}.csv").columns) > 1, table
    assert result["figures"]
    for figure in result["figures"]:
        assert (folder / f"{figure}.png").stat().st_size > 1000 and (folder / f"{figure}.svg").is_file(), figure
    mean = json.loads((folder / "metrics.json").read_text())["error_mm"]["mean"]
    assert mean == pytest.approx(ReferenceClips.load(clips).error_summary()["mean"])


def test_settings_of_the_body_are_given_on_the_command_line(failing, keypoints, tmp_path):
    given = ("register", keypoints[0], "--body", "rodent", "--out", tmp_path / "clips.h5", "--set")
    assert failing(*given, "body.mjfc=rat.xml") == "body.mjfc: unknown setting; did you mean mjcf?"
    assert failing(*given, f"body.mjcf={tmp_path / 'rat.xml'}").startswith(f"{tmp_path / 'rat.xml'}: no such file")


# -- what is refused ------------------------------------------------------------------------------------------


RATE = ("--set", "register.reader.rate_hz=200")


def recording(path: Path, names=("Shoulder", "Elbow", "Wrist"), scale=1.0, frames=30, gap=None) -> Path:
    """A file as STAC-MJX writes it, of a forelimb that hangs and swings."""
    t = np.linspace(0, 1, frames)
    links = np.array([[0, 0, 0], [0.007, 0.0, -0.007], [0.018, 0.001, -0.005]])[: len(names)]
    kp = links + 0.001 * np.sin(2 * np.pi * t)[:, None, None] * np.arange(len(names))[:, None]
    if gap is not None:
        kp[gap] = np.nan
    with h5py.File(path, "w") as f:
        f["kp_data"] = scale * kp.reshape(frames, -1)
        f["kp_names"] = [n.encode() for n in names]
    return path


def test_unknown_body(failing, tmp_path):
    out = tmp_path / "clips.h5"
    said = failing("register", recording(tmp_path / "a.h5"), "--body", "mouse_forlimb", "--out", out)
    assert said == "unknown body 'mouse_forlimb'; did you mean mouse_forelimb?"
    said = failing("register", tmp_path / "a.h5", "--body", "mouse_forelimb:old", "--out", out)
    assert said == "body mouse_forelimb: unknown variant 'old'; known: gilmer, mobile_shoulder, paper, revised, wrist"
    assert not out.exists()


def test_a_file_that_is_no_hdf5(failing, tmp_path):
    (tmp_path / "notes.h5").write_text("dear diary")
    said = failing("register", tmp_path / "notes.h5", "--body", "mouse_forelimb", "--out", tmp_path / "clips.h5")
    assert said.startswith(f"{tmp_path / 'notes.h5'}: not an HDF5 file")
    assert [p.name for p in tmp_path.iterdir()] == ["notes.h5"]


def test_a_missing_file_and_no_file(failing, tmp_path):
    out = tmp_path / "clips.h5"
    said = failing("register", tmp_path / "gone.h5", "--body", "mouse_forelimb", "--out", out)
    assert said == f"register.files: {tmp_path / 'gone.h5'}: no such file; check the path"
    assert "no keypoint files given" in failing("register", "--body", "mouse_forelimb", "--out", out)
    assert not out.exists()


def test_keypoints_that_the_body_does_not_have(failing, tmp_path):
    file = recording(tmp_path / "a.h5", names=("Nose", "Tail", "Wrist"))
    said = failing("register", file, "--body", "mouse_forelimb", *RATE, "--out", tmp_path / "clips.h5")
    assert said.startswith(f"{file}: has keypoints Nose, Tail, Wrist, but body mouse_forelimb needs at least two of ")
    assert not (tmp_path / "clips.h5").exists()


@pytest.mark.usefixtures("without_shape_checks")
def test_a_keypoint_missing_in_one_file(tmp_path):
    files = [recording(tmp_path / "a.h5"), recording(tmp_path / "b.h5", names=("Shoulder", "Elbow"))]
    done = mimic("register", *map(str, files), "--body", "mouse_forelimb", *RATE, "--out", str(tmp_path / "clips.h5"))
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "Wrist is left out of all:" in said and "keypoints of the body without data: wrist, paw" in said


def test_millimetres_given_as_metres(failing, tmp_path):
    file = recording(tmp_path / "mm.h5", scale=1e3)
    said = failing("register", file, "--body", "mouse_forelimb", *RATE, "--out", tmp_path / "clips.h5")
    assert said.startswith(f"{file}: distances between keypoints are ") and said.endswith(
        " times the body's, taken as metres; as mm the animal would be 1.6 times the body; give --unit mm"
    )
    assert not (tmp_path / "clips.h5").exists()


def test_a_gap_too_long_to_bridge(failing, tmp_path):
    file = recording(tmp_path / "gap.h5", frames=60, gap=slice(5, 55))
    said = failing("register", file, "--body", "mouse_forelimb", *RATE, "--out", tmp_path / "clips.h5")
    assert said.startswith(f"{file}: ") and "250 ms, and register.max_gap_ms is" in said
    assert not (tmp_path / "clips.h5").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "register.iterations=3",
            "register.iterations: unknown setting; did you mean max_iterations or outlier_ratio?",
        ),
        ("register.max_iterations=many", "register.max_iterations: must be a whole number, got 'many'"),
        ("register=3", "--set register=3: expected --set register.KEY=VALUE"),
        ("iterations", "--set iterations: expected KEY=VALUE"),
    ],
)
def test_wrong_settings_of_a_registration(failing, tmp_path, setting, message):
    file, out = recording(tmp_path / "a.h5"), tmp_path / "clips.h5"
    assert failing("register", file, "--body", "mouse_forelimb", "--out", out, "--set", setting).startswith(message)
    assert not out.exists()


def test_a_setting_of_another_component_than_the_one_that_is_meant_without_a_name(failing, tmp_path):
    said = failing("generate", "--body", "mouse_forelimb", "--out", tmp_path / "k.h5", "--set", "duty=0.5")
    assert said.startswith("generate.duty: unknown setting") and said.endswith(
        "(generator reaches, since none is named)"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "bottleneck"], "unknown policy 'bottleneck'; did you mean"),
        (["--preset", "desktop"], "preset: policy bottleneck_apg has no preset 'desktop'"),
        (
            ["--simulator", "mujoco"],
            "simulator: 'mujoco' has no gradient, which this policy trains with; use auto or mjx",
        ),
        (["--actuation", "springs"], "unknown actuation 'springs'"),
        (["--set", "rewards.joints.weight=1"], "unknown reward 'joints'; did you mean joint?"),
        (["--set", "policy.stepz=1"], "policy.stepz: unknown setting; did you mean steps"),
        (["--set", "task.window=0"], "task.window: must be >= 1, got 0"),
    ],
)
def test_wrong_settings_of_a_training(failing, toy_clips, tmp_path, arguments, message):
    clips = toy_clips.save(tmp_path / "clips.h5")
    assert failing("train", clips, "--out", tmp_path / "run", *arguments).startswith(message)
    assert not (tmp_path / "run").exists()


def test_files_of_the_wrong_kind(failing, keypoints, tmp_path):
    said = failing("train", keypoints[0], "--out", tmp_path / "run")
    assert said == f"{keypoints[0]}: expected a mimic 'clips' file, found a mimic 'keypoints' file"
    said = failing("analyze", "tracking", keypoints[0], "--out", tmp_path / "a")
    assert said.startswith(
        f"{keypoints[0]}: holds keypoints, but analyze.tracking reads rollouts; rollouts are made by"
    )
    said = failing("rollout", tmp_path / "nothing", "--out", tmp_path / "r.h5")
    assert said.startswith(f"rollout.run: {tmp_path / 'nothing'}: no such file or folder; check the path")
    said = failing("run", tmp_path / "none.toml", "--out", tmp_path / "o")
    assert said == f"{tmp_path / 'none.toml'}: no such run file; check the path"
    assert list(tmp_path.iterdir()) == []


def test_a_good_file_is_not_lost_to_a_failure(failing, tmp_path):
    out = tmp_path / "clips.h5"
    out.write_text("precious")
    failing("register", tmp_path / "gone.h5", "--body", "mouse_forelimb", "--out", out)
    assert out.read_text() == "precious"


def test_debug_shows_where(tmp_path):
    done = mimic("--debug", "register", str(tmp_path / "gone.h5"), "--body", "mouse_forelimb", "--out", "x.h5")
    assert done.returncode == 1 and "Traceback" in done.stderr and "DataError" in done.stderr
