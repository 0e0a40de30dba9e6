"""Unseen classes of the zero-shot data sets, to cluster; the seen ones labelled (SUPREME, table 2).

Where zero-shot learning describes the unseen classes by attributes, nothing is told of them here.
"""

from bench.datasets.parts import Part
from bench.datasets.task_specs import TaskSpec, register_task

UNSEEN = {"cub": 50, "flo": 20, "sun": 72, "awa2": 10}

for _name, _classes in UNSEEN.items():
    register_task(
        TaskSpec(
            f"{_name}/zero-shot",
            "cluster",
            f"{_classes} unseen classes to cluster, the seen ones labelled",
            Part(_name, "test_unseen"),
            _classes,
            source=Part(_name, "trainval"),
            quick={"source": 5000, "target": 2000},
        )
    )
