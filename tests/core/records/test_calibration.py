"""A calibration: the body of an animal that was registered once, kept for its further recordings."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import numpy as np
import pytest
from typecheck import shapes_unchecked
from typer.testing import CliRunner

from mimic_core import BodyModel, Calibration, DataError, Keypoints, RegistrationSpec, hookimpl
from mimic_core.chain import discover, do
from mimic_core.errors import ConfigError, MimicError
from mimic_core.records.clips import ReferenceClips
from mimic_core.testing.toy import toy_body
from mimic_stages.register import check_calibration


@pytest.fixture(scope="module")
def clips(toy_clips) -> ReferenceClips:
    """Clips of a toy arm of another size, keypoints moved, one segment longer; recorded turned by 90° about z."""
    body = attrs.evolve(
        toy_clips.body, scale=1.25, keypoint_pos={"hand": (0.011, 0.0, 0.001)}, segment_scale={"lower": 1.1}
    )
    alignment = np.tile(np.eye(4), (6, 1, 1))
    alignment[:, :3, :3] = 0.8 * np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    alignment[:, :3, 3] = np.arange(18).reshape(6, 3)
    return attrs.evolve(toy_clips, body=body, alignment=alignment, provenance={"method": "stac"})


# -- the record -----------------------------------------------------------------------------------------------


def test_it_holds_what_clips_know_of_the_animal(clips):
    known = Calibration.of(clips)
    assert known.body == clips.body and known.provenance == {"method": "stac"}
    np.testing.assert_allclose(known.rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)


def test_clips_turned_by_a_little_give_the_rotation_between(clips):
    """By hand: turns of +10° and −10° about x."""
    alignment = np.tile(np.eye(4), (6, 1, 1))
    for at, deg in enumerate((10, -10) * 3):
        c, s = np.cos(np.deg2rad(deg)), np.sin(np.deg2rad(deg))
        alignment[at, :3, :3] = [[1, 0, 0], [0, c, -s], [0, s, c]]
    np.testing.assert_allclose(Calibration.of(attrs.evolve(clips, alignment=alignment)).rotation, np.eye(3), atol=1e-12)


def test_it_comes_back_from_its_file(clips, tmp_path):
    known = Calibration.of(clips)
    again = Calibration.load(known.save(tmp_path / "animal.h5"))
    assert again.body == known.body and again.provenance == known.provenance
    np.testing.assert_array_equal(again.rotation, known.rotation)


def test_it_is_read_from_registered_clips(clips, tmp_path):
    again = Calibration.load(clips.save(tmp_path / "clips.h5"))
    assert again.body == clips.body
    np.testing.assert_array_equal(again.rotation, Calibration.of(clips).rotation)


def test_a_missing_damaged_or_foreign_file_is_named(clips, tmp_path):
    keypoints = Keypoints.from_array(np.zeros((5, 2, 3)), ("a", "b"), 100).save(tmp_path / "keypoints.h5")
    whole = Calibration.of(clips).save(tmp_path / "whole.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "notes.h5").write_text("dear diary")
    for path, said in (
        (tmp_path / "gone.h5", "no such file"),
        (tmp_path / "notes.h5", "not an HDF5 file"),
        (tmp_path / "cut.h5", ""),
        (keypoints, "expected a mimic 'calibration' file, found a mimic 'keypoints' file"),
    ):
        with pytest.raises(DataError) as e:
            Calibration.load(path)
        assert str(e.value).startswith(f"{path}: {said}") and "\n" not in str(e.value)


def test_it_is_refused_for_another_body(clips, mouse_model, plugins):
    known = Calibration.of(clips)
    check_calibration(known, toy_body(), Path("animal.h5"))  # size, offsets, segments are what a calibration adds
    with pytest.raises(DataError) as e:
        check_calibration(known, mouse_model.body, Path("animal.h5"))
    assert str(e.value) == (
        "animal.h5: calibrates body toy, but the body asked for is mouse_forelimb:paper; name that body"
    )
    other = attrs.evolve(toy_body(), mjcf=toy_body().mjcf.replace('range="-60 60"', 'range="-50 60"'))
    with pytest.raises(DataError, match=r"calibrates body toy, built otherwise, but the body asked for is toy;"):
        check_calibration(known, other, Path("animal.h5"))


# -- through the command line ---------------------------------------------------------------------------------


def mimic(*arguments: object) -> dict | str:
    """What a command says in JSON, or the message that it stops with."""
    from mimic_core.cli import app

    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    if done.exception is None:
        return json.loads(done.stdout)
    assert isinstance(done.exception, MimicError), done.exception
    return str(done.exception)


FIT = ("--set", "scale=segments", "--set", "alignment=recording")


@pytest.fixture(scope="module")
def animal(plugins, tmp_path_factory):
    """Two recordings of a mouse of its own proportions, and what was said when the first was registered."""
    folder = tmp_path_factory.mktemp("animal")
    mouse = attrs.evolve(plugins.get("body", "mouse_forelimb").make(None), segment_scale={"humerus": 1.15})
    source = plugins.get("generator", "reaches")
    settings = source.config(clips=6, frames=40, noise_mm=0.05, offset_mm=0.5, gap_share=0.0)
    made = source.build(settings, BodyModel.compile(mouse), 5)()
    for at, name in enumerate(("first", "second")):
        attrs.evolve(
            made,
            positions=1.1 * made.positions[at::2],
            n_frames=made.n_frames[at::2],
            clip_names=made.clip_names[at::2],
            files=(),
        ).save(folder / f"{name}.h5")
    with shapes_unchecked():
        first = mimic(
            "register", folder / "first.h5", "--body", "mouse_forelimb", *FIT, "--out", folder / "clips.h5",
            "--save-calibration", folder / "animal.h5",
        )  # fmt: skip
    return folder, first


@pytest.mark.parametrize("source", ["animal.h5", pytest.param("clips.h5", marks=pytest.mark.slow)])
def test_further_recordings_are_fitted_to_the_same_animal(animal, tmp_path, source):
    folder, first = animal
    assert first["calibration"] == str(folder / "animal.h5")
    second = mimic(
        "register", folder / "second.h5", "--calibration", folder / source, *FIT, "--out", tmp_path / "clips.h5"
    )
    before, after = (ReferenceClips.load(f / "clips.h5") for f in (folder, tmp_path))
    assert before.body.segment_scale and before.body.keypoint_pos and before.body.scale != 1
    assert after.body == before.body  # to the last digit
    assert second["body"] == "mouse_forelimb:paper" and second["scale"] == first["scale"]
    assert second["error_mm"]["mean"] < first["error_mm"]["mean"] + 0.02
    assert str(folder / source) in after.provenance["inputs"]
    assert after.provenance["calibration"] == str(folder / source)


def test_only_the_same_body_may_be_named_beside_it(animal, tmp_path):
    folder, _ = animal
    given = ("register", folder / "second.h5", "--calibration", folder / "animal.h5", "--out", tmp_path / "c.h5")
    same = mimic(*given, "--body", "mouse_forelimb", "--set", "max_iterations=1")
    assert same["body"] == "mouse_forelimb"
    said = mimic(*given, "--body", "mouse_forelimb:mobile_shoulder")
    assert said == (
        f"{folder / 'animal.h5'}: calibrates body mouse_forelimb:paper, but the body asked for is "
        "mouse_forelimb:mobile_shoulder; name that body"
    )


def test_body_or_calibration_must_be_given(animal, tmp_path):
    said = mimic("register", animal[0] / "second.h5", "--out", tmp_path / "c.h5")
    assert said.startswith("no body named; give --body NAME") and said.endswith("or --calibration FILE")
    said = mimic("register", animal[0] / "second.h5", "--calibration", tmp_path / "no.h5", "--out", tmp_path / "c.h5")
    assert said.startswith(f"register.calibration: {tmp_path / 'no.h5'}: no such file")
    assert list(tmp_path.iterdir()) == []


def test_a_method_that_cannot_keep_a_calibration_says_so(animal, tmp_path):
    class Guess:
        @hookimpl
        def mimic_registrations(self):
            yield RegistrationSpec(name="guess", summary="a test", build=lambda config, body: None)

    plugins = discover()
    plugins.add(Guess(), "lab:guess")
    with pytest.raises(ConfigError, match="registration guess: cannot keep a calibration; leave it out or choose"):
        do(
            plugins,
            "register",
            files=[animal[0] / "second.h5"],
            calibration=animal[0] / "animal.h5",
            method="guess",
            out=tmp_path / "c.h5",
        )
    assert list(tmp_path.iterdir()) == []
