"""Environments spread over all devices, of this machine or of several; parameters are on each of them."""

from __future__ import annotations

from typing import Any

import attrs
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mimic_core import ConfigError
from mimic_core.task import Task

_AXIS = "environment"


@attrs.frozen
class Devices:
    """A mesh over every device there is, or None for a single one.

    The compiled program is written for the whole batch; XLA splits it. A batch and its random numbers are therefore the
    same whatever the number of devices.
    """

    mesh: Mesh | None

    @classmethod
    def of(cls, task: Task) -> Devices:
        """All devices.

        Raises:
            ConfigError: there are several, and the simulator runs on the host.
        """
        if jax.device_count() == 1:
            return cls(None)
        if getattr(task.simulator, "host_only", False):
            raise ConfigError(
                f"simulator: the one chosen uses the host's cores, but training runs on {jax.device_count()} devices; "
                "give --simulator mjx"
            )
        return cls(Mesh(np.array(jax.devices()), (_AXIS,)))  # XLA decides how the rest is split

    def spread(self, tree: Any) -> Any:
        """Spread arrays over the devices along their first axis, inside a compiled program."""
        if self.mesh is None:
            return tree
        split = NamedSharding(self.mesh, PartitionSpec(_AXIS))
        whole = NamedSharding(self.mesh, PartitionSpec())
        n = self.mesh.size

        def place(a: jax.Array) -> jax.Array:
            return jax.lax.with_sharding_constraint(a, split if a.ndim and a.shape[0] % n == 0 else whole)

        return jax.tree.map(place, tree)

    def put(self, tree: Any) -> Any:
        """Put arrays of the host, the same in every process, whole on every device."""
        if self.mesh is None:
            return jax.device_put(tree)
        return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec()))

    def same_on_all(self, tree: Any) -> Any:
        """Keep arrays whole on every device, inside a compiled program."""
        if self.mesh is None:
            return tree
        whole = NamedSharding(self.mesh, PartitionSpec())
        return jax.tree.map(lambda a: jax.lax.with_sharding_constraint(a, whole), tree)


def on_this_machine(tree: Any) -> Any:
    """Return arrays that every process has whole as arrays of this process alone."""
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(lambda a: jax.numpy.asarray(a.addressable_data(0)), tree)
