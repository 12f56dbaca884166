"""A display: plain lines, for terminals that draw nothing."""

import contextlib
import sys

from mimic_core import DisplaySpec, Table, hookimpl


class Lines:
    """Listens while work is done, and says on standard error how far it is."""

    @hookimpl
    def mimic_progress(self, stage, done, total, metrics):
        print(f"{stage}: {done:g} of {total:g}", file=sys.stderr)


class Plain:
    """A `mimic_core.Display`."""

    def working(self, watch):
        return contextlib.nullcontext(Lines())

    def show(self, items):
        for item in items:
            if isinstance(item, Table):
                print(item.caption, *(" ".join(map(str, row)) for row in (item.columns, *item.rows)), sep="\n")
            elif isinstance(item, tuple):  # headlines
                for h in item:
                    nulls = "".join(f", {name}: {v:.3g}" for name, v in h.nulls.items() if v is not None)
                    print(f"{h.label}: {'–' if h.value is None else f'{h.value:.3g}'} {h.unit}{nulls}")
            else:
                print(item)


@hookimpl
def mimic_displays():
    yield DisplaySpec(name="template", build=lambda config: Plain(), summary="plain lines")
