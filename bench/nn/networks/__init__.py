"""Networks by description, so that stored weights can be used without the code that trained them.

A description is one line of JSON: `{"name": "convnet", "channels": 1, "outputs": 5}`. It may carry
under "views" how images were prepared for the network (`bench.nn.images.views.described`). To add a
network, subclass `Network` with a name in a module of its own, here or in a plugin folder.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from inspect import Parameter, signature
from typing import Any, get_type_hints

import torch
from torch import Tensor

from bench import shipped
from bench.errors import BenchError, unknown
from bench.nn.networks.base import KNOWN, Network
from bench.typed import checked

OUTPUTS = "outputs"
"""Tensor that a method keeps among a network's weights: what it gave for the target's images."""


@cache
def _defined() -> None:
    """Import every module of this package, so that each network has entered itself.

    No network is named here: the fingerprint of a method's code then covers the networks that the
    method names, and a new one leaves the results of the others as they are.
    """
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def known() -> dict[str, type[Network]]:
    """Name -> network, those of this package and of plugins that are loaded."""
    _defined()
    return KNOWN


def get(name: str) -> type[Network]:
    """The network of this name; its module is imported now, since some bring large libraries.

    Raises:
        ValueError: nobody knows it.
    """
    _refuse_unknown(name)
    if name not in KNOWN:
        importlib.import_module(shipped.networks()[name])
    return KNOWN[name]


def describe(name: str, **options: Any) -> str:
    """The description of a network, the same text for the same options."""
    return json.dumps({"name": name, **options}, sort_keys=True)


def completed(network: str, **options: Any) -> str:
    """A description from a bare name, or from one that lacks options; its own options win.

    Args:
        network: `convnet`, or `{"name": "convnet", "widths": [32, 64]}`.
        options: Such as channels and outputs, which follow from the task.

    Raises:
        ValueError: it is neither, nobody knows the network, or it has no such option of its own.
    """
    own = _parsed(network) if network.startswith("{") else {"name": network}
    _refuse_unknown(own["name"])
    _refuse_unfit(own["name"], {k: v for k, v in own.items() if k not in ("name", "views")})
    return describe(**{**options, **own})


def build(architecture: str, seed: int = 0) -> Network:
    """A network with fresh weights.

    Args:
        architecture: From `describe`.
        seed: What the weights are drawn from; torch's global generator is left as it was.

    Raises:
        ValueError: no description, an unknown network or options that do not fit it.
    """
    options = _parsed(architecture)
    name = options.pop("name")
    options.pop("views", None)
    network = get(name)
    with seeded(seed):
        try:
            return network(**options)
        except TypeError as error:
            raise ValueError(f"network '{name}' with options {options}: {error}") from error


def _parsed(architecture: str) -> dict[str, Any]:
    """A description's options, "name" among them."""
    try:
        options = dict(json.loads(architecture))
        options["name"] = str(options["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'architecture {architecture!r} is not JSON such as {{"name": "convnet", ...}}'
        ) from error
    return options


def _refuse_unknown(name: str) -> None:
    names = {*shipped.networks(), *KNOWN}
    if name not in names:
        raise ValueError(str(unknown("network", name, names)))


def _refuse_unfit(name: str, own: Mapping[str, Any]) -> None:
    """Raise a ValueError for options that a network lacks or that are of another type."""
    if not own:
        return  # A bare name imports nothing.
    network, hints = get(name), {}
    with suppress(NameError):  # of annotations that only a type checker resolves
        hints = get_type_hints(network.__init__)
    taken = signature(network).parameters
    try:
        for option, value in own.items():
            if option in taken:
                checked(hints.get(option, Any), value, f"network '{name}': {option}")
            elif not any(p.kind is Parameter.VAR_KEYWORD for p in taken.values()):
                raise unknown("option", option, taken, where=f"network '{name}'")
    except BenchError as error:
        raise ValueError(str(error)) from error


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw fresh weights from a seed; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would reseed the GPUs as well.
        torch.default_generator.manual_seed(seed)
        yield


def load(architecture: str, tensors: Mapping[str, Tensor]) -> Network:
    """A network with the given weights, such as a needed cell's.

    Args:
        architecture: From `describe`.
        tensors: Its weights; `OUTPUTS` among them is passed over.

    Raises:
        ValueError: the description is at fault, or the weights do not fit it.
    """
    network = build(architecture)
    try:
        network.load_state_dict({name: t for name, t in tensors.items() if name != OUTPUTS})
    except RuntimeError as error:
        raise ValueError(f"weights do not fit {architecture}: {error}") from error
    return network
