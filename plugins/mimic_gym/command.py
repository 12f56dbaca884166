"""``mimic gym``"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from mimic_core import ConfigError
from mimic_core.cli import Json, Set, emit, load_plugins, settings, working


def gym(
    clips: Annotated[Path, typer.Argument(help="Reference clips, or the folder of a run.", show_default=False)],
    set_: Set = None,
    json: Json = False,
) -> None:
    """Build the environment that trainers outside mimic use, let Gymnasium check it, and show what is in it.

    Example: `mimic gym clips.h5 --set rewards.control.weight=0.15`

    Sections that `--set` reaches are those of `mimic train`.
    """
    given = settings(set_, "train")
    plugins = load_plugins()
    with working(plugins):
        try:
            from gymnasium.utils.env_checker import check_env
        except ImportError as e:
            raise ConfigError(
                f"mimic gym: {e}; install mimic with the extra gym: pip install 'mimic-neuro[gym]'"
            ) from e
        from mimic_gym.envs import ID, MimicEnv
        from mimic_gym.programs import sizes

        env = MimicEnv(clips, given=given, plugins=plugins)
        with warnings.catch_warnings():  # observations have no bounds, and there is nothing to render
            warnings.simplefilter("ignore")
            check_env(env)
        task = env.task
        summary = {
            "id": ID,
            "observation": sizes(task),
            "action": list(task.model.actuator_names),
            "rewards": {t.name: t.weight for t in task.rewards},
            "control_rate_hz": task.settings.control_rate_hz,
            "clips": len(task.train_clips),
        }
    emit(
        summary,
        json,
        [
            f"{ID}: {summary['clips']} training clips at {summary['control_rate_hz']:g} Hz; Gymnasium's checks passed",
            "observation: " + ", then ".join(f"{n} of {name}" for name, n in summary["observation"].items()),
            f"action in [-1, 1]: {', '.join(summary['action'])}",
            "reward: " + ", ".join(f"{weight:+g} {name}" for name, weight in summary["rewards"].items()),
        ],
    )
