"""The task `walk`: go along at a commanded speed, for bodies that move freely."""

from __future__ import annotations

from mimic_core import Goal, ObservationSpec, RewardSpec, TaskSpec, TerminationSpec, hookimpl
from mimic_walk.settings import Fallen, Upright, Walk, WalkCommand, Walked, WalkSpeed

_TERMS = {
    "rewards": {
        "walk_speed": {"weight": 1.0},
        "upright": {"weight": 0.5},
        "walked": {"weight": 0.0},
        "control": {"weight": 0.005},
        "control_difference": {"weight": 0.02},
    },
    "observations": {"walk_command": {}, "proprioception": {"root_state": True}},
    "terminations": {"fallen": {}},
}


def build_walk(config, model):
    from mimic_walk.episodes import Commanded

    return Goal(episodes=Commanded(config, model))


def build_walk_command(config, model):
    from mimic_walk.terms import walk_command

    return walk_command(config, model)


def build_walk_speed(config, model):
    from mimic_walk.terms import walk_speed

    return walk_speed(config, model)


def build_upright(config, model):
    from mimic_walk.terms import upright

    return upright(config, model)


def build_walked(config, model):
    from mimic_walk.terms import walked

    return walked(config, model)


def build_fallen(config, model):
    from mimic_walk.terms import fallen

    return fallen(config, model)


@hookimpl
def mimic_tasks():
    yield TaskSpec(
        name="walk",
        config=Walk,
        build=build_walk,
        terms=_TERMS,
        success="walked",
        summary="go along at a commanded speed; free roots only",
    )


@hookimpl
def mimic_rewards():
    yield RewardSpec(
        name="walk_speed",
        config=WalkSpeed,
        build=build_walk_speed,
        units="1",
        summary="closeness of the body's velocity to the commanded one; free roots only",
    )
    yield RewardSpec(
        name="upright",
        config=Upright,
        build=build_upright,
        units="1",
        summary="closeness to the level and height of the start; free roots only",
    )
    yield RewardSpec(
        name="walked",
        config=Walked,
        build=build_walked,
        units="1",
        summary="1 where the body has gone at the commanded velocity for some time without a fall; free roots only",
    )


@hookimpl
def mimic_observations():
    yield ObservationSpec(
        name="walk_command",
        config=WalkCommand,
        build=build_walk_command,
        role="reference",
        summary="the commanded velocity and how far the body is from it; free roots only",
    )


@hookimpl
def mimic_terminations():
    yield TerminationSpec(
        name="fallen",
        config=Fallen,
        build=build_fallen,
        summary="the free root is tilted too far, or too low; free roots only",
    )
