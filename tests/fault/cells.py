# SPDX-License-Identifier: Apache-2.0
"""
What a cell is, and where they are: each class of faults is a file class_NAME.py with a list CELLS.

A new cell is a row there, Cell(name, scenario, arguments): the scenario is called with a World and these, and breaks and
repairs something. A new class is a new file.
"""

import dataclasses
import importlib
import pathlib
import typing
import zlib


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str  # begins with its class: "process-agent-before-ticket-kill"
    scenario: typing.Callable
    arguments: dict = dataclasses.field(default_factory=dict)
    quick: bool = False           # one of the few that the quick run has
    recovery_max_s: float = 30
    patience_s: int = 300         # all of it: ends only what hangs

    @property
    def class_(self):
        return self.name.split("-")[0]

    def seed(self, suite_seed):
        return zlib.crc32(f"{suite_seed} {self.name}".encode())

    def run(self, world):
        world.facts.recovery_max_s = self.recovery_max_s
        self.scenario(world, **self.arguments)


def classes():
    return sorted(path.stem.removeprefix("class_") for path in pathlib.Path(__file__).parent.glob("class_*.py"))


def all_cells():
    cells = [cell for name in classes() for cell in importlib.import_module(f"class_{name}").CELLS]
    names = [cell.name for cell in cells]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"two cells of one name: {twice}"
    return cells
