"""The small tasks of the witness, here for the tests."""

from bench.prove.replay import WITNESS
from bench.registry import import_from

import_from(WITNESS, "tiny_tasks")
