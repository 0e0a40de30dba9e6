"""What pyproject.toml cannot say: which folders of the clone a wheel carries, and where.

`methods/`, `baselines/` and the papers' and our own numbers lie at the top of the clone, where
people look for them; in a wheel they lie in `bench/_shipped/`. `bench/__init__.py` finds either.
"""

from setuptools import find_packages, setup

SHIPPED = {
    "methods": ["*.py"],
    "baselines": ["*.py"],
    "results/published": ["*.csv", "*.txt"],
    "results/reference": ["*.csv", "*.json", "cells/*.zip"],
}
NAMES = {f"bench._shipped.{folder.replace('/', '.')}": folder for folder in SHIPPED}

setup(
    packages=[*find_packages(include=["bench", "bench.*"]), *NAMES],
    package_dir=NAMES,
    package_data={
        "bench": [
            "experiments/*.toml",
            "datasets/*.toml",
            "prove/*.toml",
            "render/templates/*",
            "render/static/*",
        ],
        **{name: SHIPPED[folder] for name, folder in NAMES.items()},
    },
)
