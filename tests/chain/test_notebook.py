"""The chain from a notebook: records in, records out, and the notebook of the documentation runs as it stands."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from where import ROOT

import mimic_core as mimic
from mimic_core.chain import TrainedRun
from mimic_core.testing import toy_clips

SMALL = {"name": "bottleneck_ppo", "steps": 2000}


@pytest.fixture(scope="module")
def keypoints(plugins, mouse):
    spec = plugins.get("generator", "reaches")
    model = mimic.BodyModel.compile(mouse)
    return spec.build(spec.config(clips=3, frames=30), model, 0)()


@pytest.mark.slow
def test_files_and_keypoints_in_memory_are_registered_alike(keypoints, tmp_path):
    inside = mimic.register(keypoints, body="mouse_forelimb:paper")
    file = keypoints.save(tmp_path / "keypoints.h5")
    kept = mimic.register(file, body="mouse_forelimb:paper", out=tmp_path / "clips.h5")
    np.testing.assert_array_equal(inside.qpos, kept.qpos)
    assert inside.clip_names == keypoints.clip_names and (tmp_path / "clips.h5").is_file()
    with pytest.raises(mimic.ConfigError, match="no body named"):
        mimic.register(keypoints)


@pytest.mark.slow
def test_a_training_goes_on_and_rolls_out(tmp_path):
    clips = toy_clips()
    run = mimic.train(clips, out=tmp_path / "run", policy=SMALL, seed=1)
    assert isinstance(run, TrainedRun) and run.plan.seed == 1
    again = mimic.train(clips, out=tmp_path / "run", policy=SMALL, seed=1)
    assert again.training.clips == run.training.clips  # the same clips are the same file, so nothing is done twice
    rollouts = run.rollout()
    assert rollouts.clip_names == clips.clip_names and rollouts.limp_site_pos is not None
    seen = rollouts.to_xarray()
    np.testing.assert_array_equal(seen.joint_pos.sel(joint="elbow"), rollouts.of("joint_pos", "elbow"))
    kept = run.rollout(out=tmp_path / "rollouts.h5", clips=str(clips.save(tmp_path / "clips.h5")))
    assert attrs.asdict(kept)["clip_names"] == clips.clip_names and (tmp_path / "rollouts.h5").is_file()


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    shown = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert any(shown), "the notebook is kept with what it printed"
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()  # raises where a cell fails
    assert (tmp_path / "run" / "checkpoints").is_dir()
