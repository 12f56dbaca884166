"""A policy: linear feedback, action = tanh(W · observation), that climbs the reward by antithetic random directions."""

import attrs

from mimic_core import PolicySpec, hookimpl
from mimic_core.trainer import LoopSettings


@attrs.frozen(kw_only=True)
class Template(LoopSettings):
    """Settings of the search; `LoopSettings` adds how often it is measured and saved.

    Attributes:
        generations: how often W is changed.
        pairs: of directions tried in a generation, each forwards and backwards from the same start.
        horizon: control steps of each trial.
        spread: size of a direction.
        rate: how far W moves in a generation.
    """

    generations: int = attrs.field(default=100, validator=attrs.validators.ge(1))
    pairs: int = attrs.field(default=64, validator=attrs.validators.ge(2))
    horizon: int = attrs.field(default=30, validator=attrs.validators.ge(2))
    spread: float = attrs.field(default=0.05, validator=attrs.validators.gt(0))
    rate: float = attrs.field(default=0.02, validator=attrs.validators.gt(0))


def build(config, task):
    from mimic_template.search import Search

    return Search(config, task)


@hookimpl
def mimic_policies():
    yield PolicySpec(
        name="template",
        config=Template,
        build=build,
        presets={"usual": {"rewards": {"joint": {"weight": 5.0, "scale": 20.0}}}},
        summary="linear feedback, found by evolution strategies",
        source="Salimans et al. 2017, arXiv 1703.03864, algorithm 1",
    )
