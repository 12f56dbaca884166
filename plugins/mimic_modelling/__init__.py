"""From a model in MJCF and a description to a body: root, keypoints, the model's own actuators, torque limits, and what
is left out.

A library for importers; it offers no component.
"""
