"""A linear feedback policy: action = tanh(W · observation), with W found by a search that needs no gradient."""

import attrs

from mimic_core import PolicySpec, hookimpl
from mimic_core.trainer import LoopSettings

at_least_two = attrs.validators.ge(2)


@attrs.frozen(kw_only=True)
class Settings(LoopSettings):
    """Settings of the search; `LoopSettings` adds how often it is measured and saved.

    Attributes:
        generations: how often matrices W are drawn and the best kept.
        candidates: matrices per generation; the next one is drawn around the best eighth.
        episodes: per candidate, the same for all candidates of a generation.
        horizon: control steps per episode.
        spread: standard deviation of the entries of W in the first generation.
    """

    generations: int = attrs.field(default=60, validator=at_least_two)
    candidates: int = attrs.field(default=64, validator=attrs.validators.ge(16))
    episodes: int = attrs.field(default=12, validator=at_least_two)
    horizon: int = attrs.field(default=40, validator=at_least_two)
    spread: float = attrs.field(default=0.1, validator=attrs.validators.gt(0))


def build(config, task):
    from mimic_linear_policy.search import CrossEntropySearch

    return CrossEntropySearch(config, task)


@hookimpl
def mimic_policies():
    yield PolicySpec(
        name="linear",
        config=Settings,
        build=build,
        presets={"accurate": {"rewards": {"joint": {"weight": 5.0, "scale": 20.0}}}},
        summary="linear feedback, found by cross-entropy search",
        source="Rubinstein & Kroese 2004, The Cross-Entropy Method, doi:10.1007/978-1-4757-4321-0",
    )
