"""What the core itself brings: kinds of record and stages, through the same hooks as everybody's."""

from __future__ import annotations

from pathlib import Path

from mimic_core.chain import analyze, emg, exchange, generate, register, report, rollout, train
from mimic_core.plugins.markers import hookimpl
from mimic_core.records.calibration import Calibration
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.emg import Emg
from mimic_core.records.keypoints import Keypoints
from mimic_core.records.kinds import RecordSpec
from mimic_core.records.rollouts import Rollouts
from mimic_core.records.sweep_results import SweepResults


@hookimpl
def mimic_records():
    for cls, made_by, summary in (
        (Keypoints, "mimic generate", "3D keypoints, as tracked"),
        (ReferenceClips, "mimic register", "registered movements"),
        (Calibration, "mimic register --save-calibration", "an animal's body, fitted once"),
        (Rollouts, "mimic rollout", "what a controller did, clip by clip"),
        (Emg, "mimic emg", "envelopes of recorded muscles"),
    ):
        yield RecordSpec(name=cls.KIND, build=cls.load, made_by=made_by, summary=summary)
    yield RecordSpec(
        name="perturbed",
        build=Rollouts.load,
        made_by="mimic rollout --perturb",
        special=Rollouts.KIND,
        holds=Rollouts.holds_perturbed,
        summary="rollouts of a controller that was disturbed",
    )
    yield RecordSpec(
        name="training",
        build=Path,
        made_by="mimic train",
        holds=lambda path: (path / "run.json").is_file(),
        summary="the folder of a training",
    )
    yield RecordSpec(
        name="run",
        build=Path,
        made_by="mimic run",
        holds=lambda path: (path / "manifest.json").is_file(),
        summary="the folder of a run file's run",
    )
    yield RecordSpec(
        name=SweepResults.KIND,
        build=SweepResults.load,
        made_by="mimic sweep",
        holds=lambda path: (path / "sweep.json").is_file(),
        summary="the folder of a sweep",
    )


@hookimpl
def mimic_stages():
    yield from (generate.SPEC, register.SPEC, train.SPEC, rollout.ROLLOUT, rollout.PERTURB)
    yield from (emg.SPEC, analyze.SPEC, report.SPEC, exchange.EXPORT, exchange.IMPORT)
