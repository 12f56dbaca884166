"""Environments spread over all devices, of this machine or of several; parameters are on each of them."""

from __future__ import annotations

from typing import Any

import attrs
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mimic_core.errors import ConfigError
from mimic_core.task.task import Task
from mimic_core.trainer.runtime import cores_are_devices

_AXIS = "environment"
_ENVIRONMENTS_PER_CORE = 256
"""at least, where the cores of a processor are devices: fewer cost more to bring together than they save"""


@attrs.frozen
class Devices:
    """A mesh over every device there is, or None for a single one.

    The compiled program is written for the whole batch; XLA splits it. A batch and its random numbers are therefore the
    same whatever the number of devices.
    """

    mesh: Mesh | None = None

    @classmethod
    def of(cls, task: Task, environments: int) -> Devices:
        """All devices; of a processor's cores as many as the environments keep busy.

        Args:
            environments: how many run side by side.

        Raises:
            ConfigError: there are several, and the simulator runs on the host.
        """
        on_host = getattr(task.simulator, "host_only", False)
        if cores_are_devices():
            # what one device computes XLA spreads over the cores by itself; that serves few environments better
            most = 1 if on_host else min(jax.device_count(), environments // _ENVIRONMENTS_PER_CORE)
            n = max((n for n in range(1, most + 1) if environments % n == 0), default=1)
            return cls(None if n == 1 else Mesh(np.array(jax.devices()[:n]), (_AXIS,)))
        if jax.device_count() == 1:
            return cls(None)
        if on_host:
            raise ConfigError(
                f"simulator: the one chosen uses the host's cores, but training runs on {jax.device_count()} devices; "
                "name one that runs there with --simulator"
            )
        return cls(Mesh(np.array(jax.devices()), (_AXIS,)))  # XLA decides how the rest is split

    def spread(self, tree: Any, axis: int = 0) -> Any:
        """Spread arrays over the devices along an axis, inside a compiled program.

        An array without that axis, or whose length there is no multiple of the number of devices, is put on each whole.
        """
        if self.mesh is None:
            return tree
        split = NamedSharding(self.mesh, PartitionSpec(*[None] * axis, _AXIS))
        whole = NamedSharding(self.mesh, PartitionSpec())
        n = self.mesh.size

        def place(a: jax.Array) -> jax.Array:
            return jax.lax.with_sharding_constraint(a, split if a.ndim > axis and a.shape[axis] % n == 0 else whole)

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


def on_one_device(tree: Any) -> Any:
    """Return arrays that every device has whole as arrays of this process's first device alone."""

    def alone(a: Any) -> Any:
        return a.addressable_data(0) if isinstance(a, jax.Array) and a.sharding.num_devices > 1 else a

    return jax.tree.map(alone, tree)
