"""What a model says of poses: couplings of joints, quaternions among the coordinates, and the floor.

A library that plugins share; it offers no component.
"""
