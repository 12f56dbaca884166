"""Checkpoints that were changed, cut or not finished, folders with odd names, and a curve that was lost."""

from __future__ import annotations

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_loop import PlainWalk, place, run_loop

from mimic_core.errors import DataError, DataWarning
from mimic_core.trainer import Checkpoints, LoopSettings, restored_controller
from mimic_core.trainer import checkpoints as module
from mimic_core.trainer.curve import read_curve


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with checkpoints of iterations 1 and 2."""
    folder = tmp_path_factory.mktemp("run")
    with Checkpoints(folder) as keeper:
        for n in (1, 2):
            keeper.save(n, state(n), seconds=float(n), tracking_mm=3.0 - n)
    return folder


def state(n):
    return {"w": jnp.arange(50.0) + n, "key": jax.random.key(n)}


def restored(folder):
    with Checkpoints(folder) as keeper:
        return keeper.latest, np.asarray(keeper.restore(jax.eval_shape(lambda: state(0)))["w"])


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 10))])
def test_no_flipped_bit_passes_and_the_one_before_is_used(saved, tmp_path, seed):
    rng = np.random.default_rng(seed)
    files = [p.relative_to(saved) for p in sorted((saved / "checkpoints/2").rglob("*")) if p.is_file()]
    weights = np.array([(saved / f).stat().st_size for f in files], float)
    for i in range(10):
        run = tmp_path / f"run{i}"
        shutil.copytree(saved, run)
        file = run / rng.choice(files, p=weights / weights.sum())
        data = bytearray(file.read_bytes())
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        file.write_bytes(data)
        with pytest.warns(DataWarning, match=r"checkpoints/2: the checkpoint is damaged.*the one before it is used"):
            last, weights_found = restored(run)
        assert last == 1
        np.testing.assert_array_equal(weights_found, state(1)["w"])
        assert restored(run)[0] == 1  # said once


def test_every_cut_or_missing_file_is_noticed(saved, tmp_path):
    files = [p.relative_to(saved) for p in sorted((saved / "checkpoints/2").rglob("*")) if p.is_file()]
    for i, name in enumerate(files):
        run = tmp_path / f"run{i}"
        shutil.copytree(saved, run)
        data = (run / name).read_bytes()
        if data and i % 2:
            (run / name).write_bytes(data[: len(data) // 2])
        else:
            (run / name).unlink()
        with pytest.warns(DataWarning, match="the one before it is used"):
            assert restored(run)[0] == 1


def test_without_a_whole_one_it_is_one_line(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "run")
    for n in "12":
        (tmp_path / "run/checkpoints" / n / module.DIGESTS).unlink()
    with pytest.warns(DataWarning, match="was not finished"), pytest.raises(DataError, match="no finished checkpoint"):
        restored_controller(PlainWalk(), tmp_path / "run")


def test_a_training_goes_on_from_the_one_before_and_ends_the_same(tmp_path):
    ends = {}
    for name in ("whole", "damaged"):
        run_loop(PlainWalk(), tmp_path / name, settings=LoopSettings(evaluations=4))
    at = sorted(int(p.name) for p in (tmp_path / "damaged/checkpoints").iterdir() if p.name.isdigit())
    (tmp_path / "damaged/checkpoints" / str(at[-1]) / "meta/metadata").write_text("{}")
    with pytest.warns(DataWarning, match="is damaged"):
        summary = run_loop(PlainWalk(), tmp_path / "damaged", settings=LoopSettings(evaluations=4))
    assert 0 < summary["resumed_from"] < summary["control_steps"]
    for name in ("whole", "damaged"):
        ends[name] = place(restored_controller(PlainWalk(), tmp_path / name))
    np.testing.assert_array_equal(ends["whole"], ends["damaged"])


@pytest.mark.parametrize("name", ["a[b]c", "[bold]", "a*b", "what?", "plain ü"])
def test_a_folder_may_have_any_name(tmp_path, name):
    with Checkpoints(tmp_path / name) as keeper:
        keeper.save(2, state(2))
    last, found = restored(tmp_path / name)
    assert last == 2
    np.testing.assert_array_equal(found, state(2)["w"])
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_what_cannot_be_read_back_does_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoints, "restore", lambda self, like, step=None: {**like, "w": like["w"] + 1})
    with Checkpoints(tmp_path) as keeper, pytest.raises(DataError, match="not what was to be saved"):
        keeper.save(1, state(1))
    monkeypatch.undo()
    with pytest.warns(DataWarning, match="was not finished"), Checkpoints(tmp_path) as keeper:
        assert keeper.latest is None
        keeper.save(1, state(1))  # the same iteration may be saved again
        assert keeper.latest == 1


def test_a_lost_curve_begins_where_the_training_goes_on(tmp_path):
    class Half(PlainWalk):
        iterations = 6

    run_loop(Half(), tmp_path, settings=LoopSettings(evaluations=2))
    (tmp_path / "curve.csv").unlink()
    with pytest.warns(DataWarning, match=r"curve\.csv: is lost; it begins anew where the training goes on, at 60"):
        run_loop(PlainWalk(), tmp_path, settings=LoopSettings(evaluations=4))
    assert [row["control_steps"] for row in read_curve(tmp_path, 1000)] == [60, 90, 120]
