"""The task `reach`: bring the hand to commanded targets and hold it there, also in a force field."""

from __future__ import annotations

from mimic_core import Goal, ObservationSpec, PerturbationSpec, RewardSpec, TaskSpec, hookimpl
from mimic_reach.settings import CurlField, HandDistance, Reach, Reached, Target

_FIELD = "Shadmehr & Mussa-Ivaldi 1994, doi:10.1523/JNEUROSCI.14-05-03208.1994"
_TERMS = {
    "rewards": {"hand_distance": {"weight": 5.0}, "reached": {"weight": 0.0}, "control": {"weight": 0.005}},
    "observations": {"target": {}, "proprioception": {}},
    "terminations": {},
}


def build_reach(config, model):
    from mimic_reach.episodes import Commanded
    from mimic_reach.field import curl_field

    return Goal(episodes=Commanded(config, model), push=curl_field(config.field, model) if config.field.curl else None)


def build_target(config, model):
    from mimic_reach.terms import target

    return target(config, model)


def build_hand_distance(config, model):
    from mimic_reach.terms import hand_distance

    return hand_distance(config, model)


def build_reached(config, model):
    from mimic_reach.terms import reached

    return reached(config, model)


def build_curl_field(config, context):
    from mimic_core import Perturbation
    from mimic_reach.field import curl_field

    return Perturbation(push=curl_field(config, context.model))


@hookimpl
def mimic_tasks():
    yield TaskSpec(
        name="reach",
        config=Reach,
        build=build_reach,
        terms=_TERMS,
        success="reached",
        summary="bring the hand to a commanded target and hold it there",
    )


@hookimpl
def mimic_rewards():
    yield RewardSpec(
        name="hand_distance",
        config=HandDistance,
        build=build_hand_distance,
        cost=True,
        units="1",
        summary="distance of the hand from where it should be, in spans of the body",
    )
    yield RewardSpec(
        name="reached",
        config=Reached,
        build=build_reached,
        units="1",
        summary="1 once the hand has been near its target for some time",
    )


@hookimpl
def mimic_observations():
    yield ObservationSpec(
        name="target",
        config=Target,
        build=build_target,
        role="reference",
        summary="where the commanded target lies, seen from the hand",
    )


@hookimpl
def mimic_perturbations():
    yield PerturbationSpec(
        name="curl_field",
        config=CurlField,
        build=build_curl_field,
        summary="pushes the hand to the side, the more the faster it moves",
        source=_FIELD,
    )
