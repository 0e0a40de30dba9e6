"""Datasets and the tasks made of them: sources, fingerprints, prepared caches, parts.

A plugin adds its own with `register_dataset` and `register_task` when it is imported.
"""

# The order of registration is the order of `names()`.
from bench.datasets import digits, mnist, usps, omniglot, cifar10, cifar100, svhn  # noqa: F401, I001
from bench.datasets import stl10, imagenet, places205, voc07, office31, zero_shot, sample_photos  # noqa: F401
from bench.datasets import protocols  # noqa: F401
from bench.datasets.dataset import Dataset, Raw, Source, get, names, register_dataset
from bench.datasets.dataset import all_are_shipped
from bench.datasets.listed import Csv
from bench.datasets.parts import Part, PartFiles, materialise, part_fingerprint
from bench.datasets.prepare import Prepared, prepare
from bench.datasets.presence import Presence, availability, lack, look, make_ready, unprepared
from bench.datasets.sources import Folder, Npz, Torchvision
from bench.datasets.task_specs import TaskSpec, get_task, register_group, register_task
from bench.datasets.task_specs import tasks, tasks_named
from bench.datasets.verified import verify

all_are_shipped()

__all__ = [
    "Csv",
    "Dataset",
    "Folder",
    "Npz",
    "Part",
    "PartFiles",
    "Prepared",
    "Presence",
    "Raw",
    "Source",
    "TaskSpec",
    "Torchvision",
    "availability",
    "get",
    "get_task",
    "lack",
    "look",
    "make_ready",
    "materialise",
    "names",
    "part_fingerprint",
    "prepare",
    "register_dataset",
    "register_group",
    "register_task",
    "tasks",
    "tasks_named",
    "unprepared",
    "verify",
]
