"""A small sweep."""

from __future__ import annotations

SWEEP = """
title = "Toy"
[sweep]
clips = "clips.h5"
seeds = [0, 4]
show = ["train.tracking_mm", "rollout.terms.*"]
[sweep.grid]
"rewards.control.weight" = [0, 0.15]
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
steps = 80
evaluations = 1
[train.task]
window = 2
"""
