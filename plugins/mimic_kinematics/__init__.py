"""What a model says of poses: couplings of joints, quaternions among the coordinates, the floor, and the size.

A library that plugins share; it offers no component.
"""
