"""A small run file, and the one-file plugin that its body comes from."""

TOY = '''
"""The toy arm as a body."""
from mimic_core import BodySpec, hookimpl


def build(config, variant):
    from mimic_core.testing.toy import toy_body

    return toy_body()


@hookimpl
def mimic_bodies():
    yield BodySpec(name="toy", build=build, summary="planar arm")
'''

RUN = """
title = "Toy reaches"
seed = 3
body = "toy"

[generate]
clips = 5
frames = 24
gap_share = 0.0

[register]

[train.policy]
name = "bottleneck_ppo"
encoder_layers = [8]
decoder_layers = [8]
critic_layers = [8]
intention_size = 2
environments = 8
batch_size = 8
minibatches = 2
passes = 1
unroll = 5
steps = 160
evaluations = 2

[train.task]
window = 2

[rollout]

[analyze.tracking]

[report]
"""
