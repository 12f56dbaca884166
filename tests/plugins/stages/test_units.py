"""Units of length: the user's word, the file's, or what makes the animal about as large as the body."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
import pytest

from mimic_core import BodyModel, ConfigError, DataError, Keypoints
from mimic_core.registration.method import match_keypoints
from mimic_core.testing.toy import toy_body
from mimic_stages.units import in_metres, relative_size


def arm(size: float = 1.0, unit: str = "", per_metre: float = 1.0, n: int = 4) -> Keypoints:
    """The toy arm in its reference pose, two 10 mm links in a line, somewhere in the room."""
    body = toy_body()
    data = mujoco.MjData(model := BodyModel.compile(body).mj_model)
    mujoco.mj_kinematics(model, data)
    sites = np.stack([data.site(s).xpos for s in body.keypoints.values()])
    frames = (size * sites + [0.3, -0.2, 1.0]) * per_metre
    return Keypoints.from_array(np.tile(frames, (n, 1, 1)), tuple(body.keypoints), 200, unit=unit)


@pytest.mark.parametrize(("unit", "per_metre"), [("m", 1), ("cm", 1e2), ("mm", 1e3), ("um", 1e6)])
def test_user_and_file_and_size(unit, per_metre):
    body = toy_body()
    metres = arm(0.9).positions
    word = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "um": "micrometres"}[unit]
    for keypoints, said, why in (
        (arm(0.9, "", per_metre), unit, f"{word}, as said"),
        (arm(0.9, "m", per_metre), unit, f"{word}, as said"),
        (arm(0.9, unit, per_metre), None, f"{word}, as the file says"),
        (arm(0.9, unit, per_metre), "auto", f"{word}, as the file says"),
        (arm(0.9, "", per_metre), None, f"{word}, inferred: the animal would be 0.9 times the body's size; "),
    ):
        found, sentence = in_metres(keypoints, said, body)
        np.testing.assert_allclose(found.positions, metres, rtol=1e-12)
        assert found.unit == "m" and sentence.startswith(why)


def test_sentence_names_the_next_best_unit():
    _, sentence = in_metres(arm(0.9, "", 1e3), None, toy_body())
    assert sentence == (
        "millimetres, inferred: the animal would be 0.9 times the body's size; centimetres would make it 9 times"
    )


def test_unit_said_is_used_even_where_it_makes_a_giant():
    found, _ = in_metres(arm(1.0, "mm", 1e3), "m", toy_body())
    assert relative_size(found, toy_body()) == pytest.approx(1000)


@pytest.mark.parametrize(
    ("size", "per_metre", "unit"), [(0.45, 1e3, "mm"), (2.5, 1e3, "mm"), (4.9, 1, "m"), (0.21, 1, "m")]
)
def test_animals_of_other_sizes(size, per_metre, unit):
    _, sentence = in_metres(arm(size, "", per_metre), None, toy_body())
    assert sentence.startswith({"m": "metres", "mm": "millimetres"}[unit])


def test_no_unit_fits():
    with pytest.raises(
        DataError, match=r"clip1: does not tell its unit, .*size of body toy: .*metres 7\b.*--unit m, cm"
    ):
        in_metres(arm(7.0), None, toy_body())


def test_body_scale_counts():
    giant = attrs.evolve(toy_body(), scale=1000.0)
    assert in_metres(arm(1.0, "", 1e3), None, giant)[1].startswith("metres, inferred: the animal would be 1 times")


def test_gaps_and_jumps_do_not_matter():
    keypoints = arm(1.0, "", 1e3, n=30)
    positions = keypoints.positions.copy()
    positions[0, :12, keypoints.names.index("elbow")] = np.nan
    positions[0, 20:25, keypoints.names.index("hand")] += 1e6
    assert relative_size(attrs.evolve(keypoints, positions=positions), toy_body()) == pytest.approx(1000)


def test_nothing_to_compare():
    keypoints = arm()
    positions = keypoints.positions.copy()
    positions[0, :2, 0], positions[0, 2:, 1:], positions[0, :2, 2] = np.nan, np.nan, np.nan
    with pytest.raises(DataError, match="no two keypoints are tracked in the same frame"):
        in_metres(attrs.evolve(keypoints, positions=positions), None, toy_body())


def test_unknown_unit():
    with pytest.raises(ConfigError, match="unit 'inch': not known; known: cm, m, mm, um"):
        in_metres(arm(), "inch", toy_body())


def test_real_mouse_and_rat(shared_data, plugins):
    """Recorded in metres; in millimetres they must be recognised as such."""
    from mimic_recordings import read_keypoints

    body = plugins.get("body", "mouse_forelimb").make("paper")
    for pattern in ("mouse_reach/*.h5", "reaches/set1*.csv", "reaches/set4*.csv"):
        keypoints, fitting = match_keypoints(read_keypoints(sorted(shared_data.glob(pattern)), plugins), body)
        assert 0.5 < relative_size(keypoints, fitting) < 2
        mm = attrs.evolve(keypoints, positions=keypoints.positions * 1e3, unit="")
        found, sentence = in_metres(mm, None, fitting)
        assert sentence.startswith("millimetres, inferred")
        np.testing.assert_allclose(found.positions, keypoints.positions, rtol=1e-12)
