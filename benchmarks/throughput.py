"""Control steps per second of PPO training, beside brax's and stable-baselines3's, on one machine.

    python benchmarks/throughput.py clips.h5 --out DIR --peer-python PYTHON [--quick]

PYTHON is that of an environment of its own, made by `pip install stable-baselines3 sb3-contrib brax mujoco mujoco-mjx
"jax<0.10"` (brax 0.14 calls what JAX 0.10 no longer has); without it, only mimic's rows are measured. The programs in
`throughput_peers` run one after the other, each in a process of its own:

- mimic: ``bottleneck_ppo`` with its default preset, compiled anew (an empty cache). Its network of N x W is encoder,
  decoder and critic of N layers of W units each. It trains in the smooth view of the body: joint limits are springs,
  and a control step is one implicit step.
- mimic, hard limits: the same in the C engine with Euler steps and a solver for the limits, as all the others have.
- brax: its PPO over MJX with the same body, Euler steps and time step; policy and critic of N x W, so one network less
  than mimic's. Same environments, batch, unroll and passes over the data.
- brax, same layers: its policy has the layers of mimic's encoder, intention and decoder one after the other, so that
  both programs multiply the same matrices.
- sb3: stable-baselines3's PPO, the same in networks, batch and passes; single environments in MuJoCo's C engine under a
  DummyVecEnv.
- sb3, its own batches: the same with the rollouts, batches and passes that stable-baselines3 comes with, and 16
  environments.
- sb3 recurrent: RecurrentPPO with the settings of MouseArmImitationLearning, beside mimic's recurrent network with
  its default settings.

"steps/s" is training alone: of the median update after the first, for mimic of all of them, without compilation and
evaluation. "first update" and "steady" count from the start of the process, imports and compilation included; brax
compiles twice. mimic tells of its updates about once a second, so its first one may be earlier than is shown. Each row
also records the machine's load before it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import mujoco
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.spatial.distance import pdist

from mimic_core.chain.installed import installed
from mimic_core.files import write_json
from mimic_core.records.training import TrainPlan
from mimic_core.task.task import Task
from mimic_gym.imitation import imitation_task, plan_and_clips

PEERS = Path(__file__).resolve().parent / "throughput_peers"
QUICK = {"environments": 16, "batch_size": 8, "minibatches": 4, "passes": 1, "unroll": 5}
WAIT_S = 3600
REWARDS = {"joint": {"weight": 5.0, "scale": 20.0}, "keypoint": False, "control": {"weight": 0.005}, "energy": False}
"""What every program is rewarded for."""


@attrs.frozen
class Row:
    """One program to be measured.

    Attributes:
        name, network: as they stand in the table.
        command: what runs it; ``--out`` is added.
        beside: name and network of the row of mimic that it is compared with.
        goal: how many times faster than this mimic shall be.
    """

    name: str
    network: str
    command: list[Any]
    beside: tuple[str, str] | None = None
    goal: float | None = None


def export(task: Task, plan: TrainPlan, folder: Path) -> None:
    """Write the body, the reference of the training clips and the task's numbers for `reach_task.ReachTask`."""
    model, clips = task.model, task.train_clips
    if model.root is not None:
        raise SystemExit(f"body {model.body.name}: has a free root; the peers' task is that of a limb fixed in space")
    spec = model.editable()
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    spec.compile()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "body.xml").write_text(spec.to_xml())
    data, qpos = mujoco.MjData(model.mj_model), task.reference.qpos[clips]
    mujoco.mj_kinematics(model.mj_model, data)
    extent = pdist(data.site_xpos[model.keypoint_site_ids]).max()
    site_pos = np.empty((*qpos.shape[:2], len(model.keypoint_names), 3))
    for at in np.ndindex(*qpos.shape[:2]):
        data.qpos[:] = qpos[at]
        mujoco.mj_kinematics(model.mj_model, data)
        site_pos[at] = data.site_xpos[model.keypoint_site_ids]
    np.savez(
        folder / "reference.npz",
        joint_pos=qpos[..., model.joint_qposadr],
        joint_vel=task.reference.qvel[clips][..., model.joint_dofadr],
        site_pos=site_pos,
        n_steps=task.n_steps[clips],
    )
    rewards, settings = plan.settings["rewards"], task.settings
    ahead = round(settings.window_step_ms * 1e-3 * settings.control_rate_hz) * np.arange(1, settings.window + 1)
    write_json(
        folder / "task.json",
        {
            "sites": [model.body.keypoints[name] for name in model.keypoint_names],
            "control_dt": task.control_dt,
            "ahead": ahead,
            "joint_weight": rewards["joint"]["weight"],
            "joint_scale": rewards["joint"]["scale"],
            "control_weight": rewards["control"]["weight"],
            "max_distance": plan.settings["terminations"]["keypoint_error"]["max_share"] * extent,
            "activation_max": settings.initial_activation_max,
            "ppo": plan.settings["policy"],
        },
    )


@attrs.frozen
class Bench:
    """What is measured, and where it goes.

    Attributes:
        iterations: factor on the updates that each row makes.
        only: networks (``2 x 128``, ``3 x 512``, ``lstm``) whose rows are measured; empty for all.
        quick: tiny batches and networks, to see that everything runs; its figures mean nothing.
    """

    clips: Path
    out: Path
    peer_python: Path | None
    iterations: float
    only: list[str]
    quick: bool

    @property
    def task_folder(self) -> Path:
        return self.out / "task"

    def updates(self, usual: int) -> int:
        return 5 if self.quick else max(5, round(self.iterations * usual))

    def plan(self, policy: dict[str, Any]) -> TrainPlan:
        """mimic's settings, complete, with the networks and batches of a row."""
        return plan_and_clips(
            self.clips, {"policy": {"name": "bottleneck_ppo", **policy}, "rewards": REWARDS}, installed()
        )[0]

    def mimic(self, label: str, updates: int, simulator: dict[str, Any] | None = None, **policy: Any) -> Row:
        """A training of our own; ``policy`` are its settings, ``simulator`` others than those of the preset."""
        policy |= QUICK if self.quick else {}
        ppo = self.plan(policy).settings["policy"]
        steps = self.updates(updates) * ppo["batch_size"] * ppo["minibatches"] * ppo["unroll"]
        given = {"policy": {"name": "bottleneck_ppo", **policy, "steps": steps, "evaluations": 1}, "rewards": REWARDS}
        name = "mimic"
        if simulator:
            given["simulator"], name = simulator, "mimic, hard limits"
        run = self.out / f"run {name} {label}"
        command = [sys.executable, PEERS / "mimic_ppo.py", "--clips", self.clips, "--run", run]
        return Row(name, label, [*command, "--given", json.dumps(given)])

    def peer(self, name: str, network: str, updates: int, goal: float, arguments: list[str], beside: str) -> Row:
        """A training of another program."""
        script = PEERS / ("brax_ppo.py" if name.startswith("brax") else "sb3_ppo.py")
        command = [self.peer_python, script, "--task", self.task_folder, "--iterations", self.updates(updates)]
        return Row(name, network, [*command, *arguments], ("mimic", beside), goal)

    def rows(self) -> Iterator[Row]:
        """Every row, in the order in which they are measured."""
        for depth, width, goal, ours, theirs in ((2, 128, 1.8, 60, 20), (3, 512, 1.0, 12, 6)):
            if self.only and f"{depth} x {width}" not in self.only:
                continue
            layers, network = [8] * depth if self.quick else [width] * depth, f"{depth} x {width}"
            sizes = {f"{part}_layers": layers for part in ("encoder", "decoder", "critic")}
            yield self.mimic(network, ours, **sizes)
            if width == 128:
                yield self.mimic(network, ours, {"integrator": "euler"}, **sizes)
            if self.peer_python:
                asked = ["--layers", *map(str, layers)]
                yield self.peer("brax", network, theirs, goal, asked, network)
                policy = [*layers, 2 * self.plan(sizes).settings["policy"]["intention_size"], *layers]
                same = [*asked, "--policy-layers", *map(str, policy)]
                yield self.peer("brax, same layers", network, theirs, goal, same, network)
                if width == 128:
                    yield self.peer("sb3", network, 5, 15.0, asked, network)
                    yield self.peer("sb3, its own batches", network, 3, 15.0, [*asked, "--defaults"], network)
        recurrent = "network" in attrs.fields_dict(installed().get("policy", "bottleneck_ppo").config)
        if self.only and "lstm" not in self.only:
            return
        if recurrent:
            yield self.mimic("lstm", 20, network="lstm")
        if self.peer_python:
            asked = ["--recurrent", *(["--quick"] if self.quick else [])]
            yield self.peer("sb3 recurrent", "lstm 256", 5, 60.0, asked, "lstm" if recurrent else "2 x 128")


def measure(row: Row, out: Path) -> dict[str, Any]:
    """Run one row; its standard output and errors go to a file beside its result."""
    place = out / f"{row.name} {row.network}.json"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "MIMIC_CACHE_DIR": str(out / f"cache {row.network}")}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    load, began = os.getloadavg()[0], time.time()
    with place.with_suffix(".log").open("w") as log:
        try:
            command = [*map(str, row.command), "--out", str(place)]
            status = subprocess.run(command, stdout=log, stderr=log, env=environment, timeout=WAIT_S).returncode
        except subprocess.TimeoutExpired:
            status = f"none after {WAIT_S} s"
    if status:
        return {"failed": f"status {status}, see its .log", "load": load}
    found = json.loads(place.read_text())
    since = {f"{what}_s": found[f"{what}_at"] - began for what in ("first_update", "steady")}
    return {**found, **since, "load": load}


def speeds_of_mimic(rows: list[tuple[Row, dict[str, Any]]]) -> dict[Any, float | None]:
    """Name and network of mimic's rows → steps/s."""
    return {(r.name, r.network): f.get("steps_per_second") for r, f in rows if r.beside is None}


def ratio(mine: float | None, found: dict[str, Any]) -> float | None:
    """How many times as fast mimic is; None without a row to compare with."""
    return mine / found["steps_per_second"] if mine and "failed" not in found else None


def show(rows: list[tuple[Row, dict[str, Any]]], title: str) -> Table:
    """The table: how fast each is, and how many times faster mimic is than each of the others."""
    table = Table(title=title, title_justify="left")
    for column in ("trainer", "network", "steps/s", "first update, s", "steady, s", "mimic is faster", "goal", "load"):
        table.add_column(column, justify="left" if column in ("trainer", "network") else "right")
    ours = speeds_of_mimic(rows)
    for row, found in rows:
        if "failed" in found:
            table.add_row(row.name, row.network, found["failed"], "", "", "", "", f"{found['load']:.1f}")
            continue
        times = ratio(ours.get(row.beside), found)
        table.add_row(
            row.name,
            row.network,
            f"{found['steps_per_second']:,.0f}",
            f"{found['first_update_s']:.0f}",
            f"{found['steady_s']:.0f}",
            f"{times:.1f} x" if times else "",
            f"{row.goal:g} x" if row.goal else "",
            f"{found['load']:.1f}",
        )
    return table


def save(rows: list[tuple[Row, dict[str, Any]]], args: argparse.Namespace) -> None:
    """Keep what is known so far: the rows take long."""
    ours = speeds_of_mimic(rows)
    results = [
        {
            "name": row.name,
            "network": row.network,
            "goal": row.goal,
            **found,
            "times_as_fast": ratio(ours.get(row.beside), found),
        }
        for row, found in rows
    ]
    write_json(args.out / "throughput.json", {"cores": os.cpu_count(), "quick": args.quick, "rows": results})


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="reference clips of a limb fixed in space")
    parser.add_argument("--out", type=Path, required=True, help="new folder for results, runs and logs")
    parser.add_argument("--peer-python", type=Path, help="python with stable-baselines3, sb3-contrib, brax, mujoco-mjx")
    parser.add_argument("--iterations", type=float, default=1.0, help="factor on how many updates each row makes")
    parser.add_argument(
        "--only", default="", help="networks whose rows are measured, e.g. '2 x 128,lstm'; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, only to see that everything runs")
    args = parser.parse_args()
    if args.out.exists():
        raise SystemExit(f"{args.out}: exists; give a new folder, since mimic would go on with its earlier trainings")
    bench = Bench(
        args.clips, args.out, args.peer_python, args.iterations, [n for n in args.only.split(",") if n], args.quick
    )
    plan = bench.plan(QUICK if args.quick else {})
    export(imitation_task(args.clips, {"policy": {"name": plan.policy}}), plan, bench.task_folder)
    rows = []
    for row in bench.rows():
        print(f"{row.name} {row.network} …", file=sys.stderr, flush=True)
        rows.append((row, measure(row, args.out)))
        save(rows, args)
    title = f"{platform.machine()}, {os.cpu_count()} cores; control steps/s of PPO training, all environments together"
    Console(width=120).print(show(rows, title + (" (quick: figures mean nothing)" if args.quick else "")))


if __name__ == "__main__":
    main()
