"""Work of reserves, which stand for muscles that the body lacks: told apart, and in no sum over muscles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimic_core import Rollouts, Table
from mimic_energetics.energy import work
from mimic_energetics.findings import Work


def reserve_work(rollouts: Rollouts) -> Work | None:
    """Work of the reserves at the joints: ∫ torque · angular velocity dt; None for a body without any."""
    if rollouts.reserve_force is None:
        return None
    return work(rollouts.reserve_force.astype(float) * rollouts.joint_vel, rollouts.rate_hz)


def reserve_table(metrics: Mapping[str, Any]) -> dict[str, Table]:
    """Return the table ``reserves``: their work beside that of the other actuators; none for a body without any."""
    if "reserves_uJ" not in metrics:
        return {}
    kinds = ("positive", "negative", "net")
    table = Table(
        columns=("actuators", *(f"{k} (µJ)" for k in kinds)),
        rows=[
            ("muscles", *(metrics["work_uJ"][k]["mean"] for k in kinds)),
            ("reserves", *(metrics["reserves_uJ"][k] for k in kinds)),
        ],
        caption="Mechanical work of the muscles, and of the reserves, which stand for muscles that the body lacks and "
        "whose work is in no other number but the rest of the balance; mean over reaches.",
    )
    return {"reserves": table}
