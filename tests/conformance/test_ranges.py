"""Parameters out of their range: refused when a method is built, by name and with the range."""

import re

import pytest

from bench import registry

N_INIT = (
    "csp",
    "dec",
    "dtc",
    "itml",
    "kmeans",
    "kmeans-pairs",
    "skkm",
    "sklr",
    "supreme",
    "tsp-kmeans",
)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        *((name, {"n_init": 0}, "n_init = 0 must be at least 1") for name in N_INIT),
        ("autoencoder", {"widths": ()}, "widths = () must be one or more numbers of at least 1"),
        ("autoencoder", {"widths": (8, 0)}, "widths = (8, 0) must be one or more numbers of at"),
        ("dec", {"update_interval": -1}, "update_interval = -1 must be at least 0"),
        ("dtc", {"batch_size": 1}, "batch_size = 1 must be at least 2"),
        ("dtc", {"epochs": 0}, "epochs = 0 must be at least 1"),
        ("dtc", {"refresh": 0}, "refresh = 0 must be at least 1"),
        ("dtc", {"warmup_epochs": -1}, "warmup_epochs = -1 must be at least 0"),
        ("kmeans", {"max_iter": 0}, "max_iter = 0 must be at least 1"),
        ("skkm", {"energy": 0.0}, "energy = 0.0 must be above 0 and at most 1"),
        ("skkm", {"energy": 1.5}, "energy = 1.5 must be above 0 and at most 1"),
        ("skkm", {"scales": (1.0, 0.0)}, "scales = (1.0, 0.0) must be one or more numbers above 0"),
        ("sklr", {"energy": 0.0}, "energy = 0.0 must be above 0 and at most 1"),
        ("sklr", {"gamma": 0.0}, "gamma = 0.0 must be above 0"),
        ("supreme", {"batch_size": 1}, "batch_size = 1 must be at least 2"),
        ("supreme", {"sharpen": -1}, "sharpen = -1 must be at least 0"),
    ],
)
def test_the_parameter_at_fault_is_named_with_its_range(name, given, words):
    registry.load()
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        registry.get(name).cls(**given)
