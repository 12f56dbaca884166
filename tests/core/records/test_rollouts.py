"""Rollouts as data: named access, animals, and which clips are held out."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from mimic_core.chain.assembly import split_clips
from mimic_core.errors import MimicError
from mimic_core.records.rollouts import Rollouts
from mimic_core.testing.records import toy_clips
from mimic_core.testing.rollouts import synthetic_rollouts


def test_rollouts_come_back_from_their_file(tmp_path):
    r = synthetic_rollouts(clip_steps=(30, 20))
    back = Rollouts.load(r.save(tmp_path / "r.h5"))
    np.testing.assert_array_equal(back.qpos, r.qpos)
    assert np.isnan(back.qpos[1, 20:]).all() and np.isnan(back.excitation[:, 0]).all()
    assert back.reward_terms.keys() == r.reward_terms.keys() and back.split == r.split
    assert back.n_steps.tolist() == [30, 20] and back.record == {} and back.layers == {}


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("joint_pos", "elbo", "rollouts: no joint 'elbo'; did you mean"),
        ("activation", "elbow", "rollouts: no actuator 'elbow'"),
        ("joint_poz", "elbow", "rollouts: 'joint_poz' is no array over joints or actuators; did you mean joint_pos"),
        ("site_pos", "elbow", "rollouts: 'site_pos' is no array over joints or actuators"),
    ],
)
def test_names_that_are_not_there(kind, name, message):
    r = synthetic_rollouts()
    with pytest.raises(MimicError, match=message):
        r.of(kind, name)


def named(n: int, animals: tuple[str, ...] = ()):
    """Clips clip0, clip1, …, of which only the names count."""
    clips = toy_clips(frames=(8,) * n)
    return attrs.evolve(clips, clip_names=[f"clip{i}" for i in range(n)], animals=animals or ("",) * n)


@pytest.fixture(scope="module")
def ten():
    return named(10, ("a",) * 4 + ("b",) * 3 + ("c",) * 3)


def test_share_of_clips():
    clips = {n: named(n) for n in (1, 2, 3, 5, 37)}
    held = split_clips(clips[37], 0.2, seed=0)
    assert held.sum() == 7 and (held == split_clips(clips[37], 0.2, seed=0)).all()
    assert (held != split_clips(clips[37], 0.2, seed=1)).any()
    assert [int(split_clips(clips[n], 0.2, 0).sum()) for n in (1, 2, 3, 5)] == [0, 1, 1, 1]
    assert split_clips(clips[5], 0.99, 0).sum() == 4  # one is left to train on
    assert not split_clips(clips[5], 0.0, 0).any() and not split_clips(clips[5], 0, 0).any()


@pytest.mark.parametrize(
    ("holdout", "held"),
    [
        ("animal", [7, 8, 9]),
        ("animal:a", [0, 1, 2, 3]),
        (["animal:a", "animal:c"], [0, 1, 2, 3, 7, 8, 9]),
        ("clip[12]", [1, 2]),
        (["clip9", "clip0"], [0, 9]),
    ],
)
def test_named_clips_and_animals(ten, holdout, held):
    for seed in (0, 1):
        assert np.flatnonzero(split_clips(ten, holdout, seed)).tolist() == held


@pytest.mark.parametrize(
    ("holdout", "message"),
    [
        ("animal:d", "train.holdout: no animal 'd' in these clips"),
        ("clip11", "train.holdout: no clip 'clip11' in these clips; did you mean clip1"),
        ("clip*", "train.holdout: leaves no clip to train on; hold out fewer"),
    ],
)
def test_what_cannot_be_held_out(ten, holdout, message):
    with pytest.raises(MimicError, match=message):
        split_clips(ten, holdout, 0)


def test_one_animal_cannot_be_left_out():
    with pytest.raises(MimicError, match=r"train\.holdout: animal needs clips of several animals.*register\.animals"):
        split_clips(named(3), "animal", 0)


def test_animals_are_kept(tmp_path, ten):
    assert type(ten).load(ten.save(tmp_path / "c.h5")).animals == ten.animals
    assert synthetic_rollouts(clip_steps=(30, 20)).animals == ("", "")
