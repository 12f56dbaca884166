"""Rollouts that are written part by part hold what those hold that are written at once."""

from __future__ import annotations

import errno
import itertools

import attrs
import h5py
import numpy as np
import pytest

from mimic_core import DataError, ReferenceClips, Rollouts
from mimic_core.chain import TrainedRun, do
from mimic_core.testing import toy_clips
from mimic_guard.seal import is_sealed
from mimic_tracking import parts

pytestmark = pytest.mark.slow
TINY = {
    "name": "bottleneck_ppo",
    "encoder_layers": [8],
    "decoder_layers": [8],
    "critic_layers": [8],
    "intention_size": 2,
    "environments": 8,
    "batch_size": 8,
    "minibatches": 2,
    "passes": 1,
    "unroll": 5,
    "steps": 160,
}


@pytest.fixture(scope="module")
def run(plugins, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    toy_clips(plugins).save(folder / "clips.h5")
    do(plugins, "train", clips=folder / "clips.h5", out=folder / "run", policy=TINY)
    return folder / "run"


def contents(path):
    """Name → what it holds, in bytes and attributes, of everything in a file."""
    found = {}
    with h5py.File(path) as f:
        f.visititems(lambda name, x: found.update({name: (_values(x), _attributes(x))}))
        found["/"] = _attributes(f)
    return found


def _values(x):
    return (x.shape, str(x.dtype), x.chunks, x.compression, x[()].tobytes()) if isinstance(x, h5py.Dataset) else ()


def _attributes(x):
    return {k: str(v) for k, v in x.attrs.items() if k not in ("DIMENSION_LIST", "REFERENCE_LIST")}


def test_the_file_is_the_same(plugins, run, tmp_path, monkeypatch):
    """Three clips at once, the last part overlapping; numbers may differ in their last bits only."""
    at_once = do(plugins, "rollout", run=run, out=tmp_path / "at_once.h5")
    task = TrainedRun.open(run, plugins).task
    monkeypatch.setattr(parts, "AT_ONCE", 3 * int(task.n_steps.max()))
    assert len(task.n_steps) % 3
    told = do(plugins, "rollout", run=run, out=tmp_path / "parts.h5")
    one, other = contents(tmp_path / "at_once.h5"), contents(tmp_path / "parts.h5")
    assert is_sealed((tmp_path / "parts.h5").read_bytes())
    assert one["/"] == other["/"] and list(one) == list(other)
    for name, (values, attributes) in ((k, v) for k, v in one.items() if k != "/"):
        assert attributes == other[name][1] and values[:-1] == other[name][0][:-1], name
    a, b = Rollouts.load(tmp_path / "at_once.h5"), Rollouts.load(tmp_path / "parts.h5")
    for name, x in parts._per_clip(a):
        field, _, key = name.partition("/")
        y = getattr(b, field)[key] if key else getattr(b, field)
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(a.limp_site_pos, b.limp_site_pos)
    np.testing.assert_array_equal(a.n_steps, b.n_steps)
    assert told["tracking"]["keypoint_mm"]["mean"] == pytest.approx(
        at_once["tracking"]["keypoint_mm"]["mean"], rel=1e-4
    )
    assert told["reward_mean"] == pytest.approx(at_once["reward_mean"], rel=1e-4)


@pytest.mark.parametrize(
    "perturb",
    [
        {"name": "force_pulse", "force_N": 0.5, "at_ms": 50.0, "for_ms": 30.0},
        {"name": "ablation"},
        {"name": "sensory_delay", "extra_ms": 20.0},
        {"name": "intention_noise", "sd": 2.0},
        {"name": "lesion", "layer": "decoder/layer_1", "dose": 0.5},
    ],
    ids=lambda p: p["name"],
)
def test_the_file_is_the_same_when_disturbed(plugins, run, tmp_path, monkeypatch, perturb):
    do(plugins, "rollout", run=run, out=tmp_path / "a.h5", perturb=perturb)
    do(plugins, "rollout", run=run, out=tmp_path / "whole.h5")
    task = TrainedRun.open(run, plugins).task
    monkeypatch.setattr(parts, "AT_ONCE", 3 * int(task.n_steps.max()))
    do(plugins, "rollout", run=run, out=tmp_path / "b.h5", perturb=perturb)
    a, b, whole = (Rollouts.load(tmp_path / f"{n}.h5") for n in ("a", "b", "whole"))
    assert a.perturbation == b.perturbation and len(a.perturbation.onset_ms) == len(a.clip_names)
    assert not np.allclose(a.qpos, whole.qpos, equal_nan=True), "nothing was disturbed"
    for name, x in parts._per_clip(a):
        field, _, key = name.partition("/")
        y = getattr(b, field)[key] if key else getattr(b, field)
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5, err_msg=name)
    one, other = contents(tmp_path / "a.h5"), contents(tmp_path / "b.h5")
    assert one["/"] == other["/"] and list(one) == list(other)


def test_each_part_has_its_own_noise(plugins, run, tmp_path, monkeypatch):
    task = TrainedRun.open(run, plugins).task
    monkeypatch.setattr(parts, "AT_ONCE", 3 * int(task.n_steps.max()))
    do(plugins, "rollout", run=run, out=tmp_path / "a.h5", seed=3)
    do(plugins, "rollout", run=run, out=tmp_path / "b.h5", seed=3)
    a, b = Rollouts.load(tmp_path / "a.h5"), Rollouts.load(tmp_path / "b.h5")
    np.testing.assert_array_equal(a.action, b.action)
    assert a.seed == 3
    noise = (a.record["intention"] - a.record["intention_mean"])[:, 1:10]
    assert np.abs(noise[0] - noise[-1]).min() > 0


def test_noise_of_senses_and_muscles_is_drawn_for_each_part(plugins, run, tmp_path, monkeypatch):
    """Of clips that are all the same no two have the same noise, and a second time it is what it was."""
    clips = ReferenceClips.load(run / "clips.h5")
    of_each = [f.name for f in attrs.fields(ReferenceClips) if f.metadata.get("axes", ())[:1] == ("clip",)]
    held = {name: getattr(clips, name) for name in of_each}
    alike = {k: a[np.zeros(len(a), int)] for k, a in held.items() if isinstance(a, np.ndarray)}
    attrs.evolve(clips, **alike).save(tmp_path / "clips.h5")
    task = TrainedRun.open(run, plugins).task
    monkeypatch.setattr(parts, "AT_ONCE", 3 * int(task.n_steps.max()))
    how = {"run": run, "clips": tmp_path / "clips.h5", "perturb": {"name": "sensorimotor_noise", "motor": 0.5}}
    a, b = (Rollouts.load(do(plugins, "rollout", out=tmp_path / f"{n}.h5", **how)["out"]) for n in "ab")
    np.testing.assert_array_equal(a.qpos, b.qpos)
    assert len(a.qpos) == 4 and (np.diff(a.ref_qpos, axis=0)[:, :70] == 0).all()
    for one, other in itertools.combinations(a.qpos[:, 10], 2):
        assert np.abs(one - other).max() > 0


def test_a_full_disk_is_one_line_and_keeps_the_old_file(plugins, run, tmp_path, monkeypatch):
    out = tmp_path / "rollouts.h5"
    out.write_bytes(b"old")
    task = TrainedRun.open(run, plugins).task
    monkeypatch.setattr(parts, "AT_ONCE", 3 * int(task.n_steps.max()))
    written = []

    def write(self, data):
        written.append(len(memoryview(data).cast("B")))
        if sum(written) > 20_000 and self.failure is None:
            self.failure = OSError(errno.ENOSPC, "No space left on device")
        return _write(self, data)

    _write = parts._Patient.write
    monkeypatch.setattr(parts._Patient, "write", write)
    with pytest.raises(DataError, match="No space left"):
        do(plugins, "rollout", run=run, out=out)
    assert out.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["rollouts.h5"]
