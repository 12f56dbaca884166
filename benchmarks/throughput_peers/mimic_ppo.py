"""mimic's PPO on the reaches: steps per second of training. Called by `throughput.py`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path

from mimic_core import hookimpl
from mimic_core.chain import discover, do, versions
from mimic_core.trainer import prepare_jax


class FirstUpdate:
    """Notes when the training first tells of a finished update."""

    at: float | None = None

    @hookimpl
    def mimic_progress(self, stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
        if stage == "train" and done > 0 and self.at is None:
            self.at = time.time()


def main() -> None:
    """Train and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--given", type=json.loads, required=True, help="settings of the training, as JSON")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    prepare_jax()
    plugins, first = discover(), FirstUpdate()
    plugins.manager.register(first, "benchmark")
    training = do(plugins, "train", clips=args.clips, out=args.run, **args.given)["training"]
    found = {
        "first_update_at": first.at,
        "steady_at": first.at,
        "control_steps": training["control_steps"],
        "steps_per_second": training["control_steps"] / training["seconds"],
        "versions": versions(plugins),
        "settings": args.given,
    }
    args.out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
