"""Weights that somebody else trained: one safetensors file each, by name, in one folder.

A name is a model of timm and, after a dot, what it was trained on. `resnet18.tv_in1k` and the like
are published by timm, and `python -m bench weights fetch` gets them, as it converts those that an
installed package carries (`bench.carried`). Others are put there by hand, under timm's names of
tensors (for ResNets also torchvision's); `ELSEWHERE` says where their authors publish them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench import ROOT
from bench.carried import CARRIED, Carried
from bench.errors import BenchError, Lack, Unavailable
from bench.tasks import Need

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "BENCH_WEIGHTS"
"""Environment variable: the folder, also for processes that no flag reaches."""
_DTC = "https://www.robots.ox.ac.uk/~vgg/research/DTC/data/experiments/pretrained"
ELSEWHERE = {
    # Caron et al. 2021, learned from ImageNet without labels.
    "resnet50.dino": (
        "https://dl.fbaipublicfiles.com/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth"
    ),
    # A classifier of 882 classes of ImageNet, that of Hsu et al., ICLR 2018, by its name.
    "resnet18.imagenet882": f"{_DTC}/resnet18_imagenet_classif_882_ICLR18.pth",
    # The source networks of SUPREME's table 1, with DTC's own names of tensors.
    "resnet18.cifar10-5": f"{_DTC}/resnet18_cifar10_classif_5.pth",
    "vgg6.cifar100-80": f"{_DTC}/vgg6_cifar100_classif_80.pth",
    "resnet18.svhn-5": f"{_DTC}/resnet18_svhn_classif_5.pth",
    # Doersch, Gupta, Efros 2015, learned from context without labels: a model of Caffe.
    "vgg16.context": "http://graphics.cs.cmu.edu/projects/deepContext/",
}
"""Weights that timm does not publish -> where their authors do."""
_SOURCE = "source"
"""In a converted file's metadata: where its tensors come from."""


def folder() -> Path:
    """`$BENCH_WEIGHTS`, else weights/ in the data root of the environment or of the clone."""
    data = Path(os.environ.get("BENCH_DATA") or ROOT / "data")
    return Path(os.environ.get(FOLDER) or data / "weights")


def file(name: str) -> Path:
    """Where the weights of this name lie, or would."""
    return folder() / f"{name}.safetensors"


def need(name: str) -> Need:
    """The cell of these weights, for a method's `needs`: one for all tasks and seeds."""
    return Need("weights", {"name": name}, task="digits/cluster", seed=0)


def model(name: str) -> str:
    """The model of timm that weights of this name are of.

    With its tag where timm knows it: `vit_small_patch16_224.dino` wants other mean and deviation of
    its images than the weights that timm takes for `vit_small_patch16_224`.
    """
    import timm

    return name if name in timm.list_pretrained() else name.partition(".")[0]


def lacking(name: str) -> Lack | None:
    """None if the weights are here, otherwise how to get them."""
    if file(name).is_file():
        return None
    if name in ELSEWHERE:
        way = _elsewhere(name)
    elif name in CARRIED:
        way = CARRIED[name].how(name)
    else:
        fetched = f"`python -m bench weights fetch {name}`"
        way = f"put it there, or say --weights DIR, or try {fetched}"
    how = f"no {name}.safetensors in {folder()}: {way}"
    return Lack(name, how, where=str(folder()), kind="weights")


def _elsewhere(name: str) -> str:
    """How to get weights whose authors publish them in another form."""
    url = ELSEWHERE[name]
    how = f"its authors publish it at {url}"
    if url.endswith(".pth"):
        how += (
            '; a .pth file is a pickle: convert it where it may be trusted, by python -c "import '
            "torch, safetensors.torch as s; s.save_file(torch.load('FILE.pth', "
            f"weights_only=True), '{name}.safetensors')\""
        )
    return f"{how}; then put {name}.safetensors there, or say --weights DIR"


def digest(name: str) -> str:
    """SHA-256 of the file, "" if it is not here."""
    path = file(name)
    if not path.is_file():
        return ""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@cache
def _digest(path: Path, _size: int, _changed: int) -> str:
    """The hash of a file as it is now: its size and time are there for the cache."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def read(name: str, sha256: str = "") -> dict[str, Tensor]:
    """The tensors of a file.

    Args:
        name: The name of the weights.
        sha256: What the file's hash must be; "" for any.

    Raises:
        Unavailable: the file is not here.
        BenchError: it is damaged, or another file than the one meant.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if why := lacking(name):
        raise Unavailable(str(why))
    if sha256 and digest(name) != sha256:
        raise BenchError(f"{file(name)}: its SHA-256 is {digest(name)}, not {sha256}")
    try:
        return load_file(file(name))
    except (SafetensorError, OSError, ValueError) as error:
        raise BenchError(f"{file(name)}: damaged or no safetensors file ({error})") from error


def source(name: str) -> str:
    """Where the weights in this file come from, as far as the file or its name says."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file(name), "pt") as content:
            said = (content.metadata() or {}).get(_SOURCE, "")
    except (SafetensorError, OSError):
        return "unknown: damaged or no safetensors file"
    return (
        said or ELSEWHERE.get(name) or ("timm's hub" if _published(name) else "put there by hand")
    )


def fetch(name: str) -> Path:
    """Download weights that timm publishes, or convert those that an installed package carries.

    From the hub comes a safetensors file and nothing else.

    Raises:
        Unavailable: timm publishes none of this name, and who does if that is known; or the
            download failed; or the package is not installed or not the one meant.
    """
    if name in CARRIED:
        return _converted(name, CARRIED[name])
    if name in ELSEWHERE:
        raise Unavailable(f"weights '{name}': timm does not publish them, {_elsewhere(name)}")
    repository = _published(name)
    if not repository:
        raise Unavailable(
            f"timm publishes no weights '{name}'; timm.list_pretrained() names those that it does"
        )
    import huggingface_hub

    part = file(name).with_suffix(".part")
    try:
        folder().mkdir(parents=True, exist_ok=True)
        found = huggingface_hub.hf_hub_download(repository, "model.safetensors")
        shutil.copyfile(found, part)
        part.replace(file(name))
    # The hub's client raises errors of its own, of its transport and of the file system.
    except Exception as error:
        raise Unavailable(
            f"weights '{name}' could not be downloaded ({error}): try again, or put the file at "
            f"{file(name)} yourself"
        ) from error
    return file(name)


def _converted(name: str, carried: Carried) -> Path:
    """The file that a package carries, as a safetensors file under timm's names of tensors."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    if not carried.installed:
        raise Unavailable(f"weights '{name}': {carried.how(name)}")
    tensors = carried.tensors(model(name))
    part = file(name).with_suffix(".part")
    try:
        folder().mkdir(parents=True, exist_ok=True)
        save_file(tensors, part, metadata={_SOURCE: carried.source})
        part.replace(file(name))
    except (OSError, SafetensorError) as error:
        raise Unavailable(f"weights '{name}' could not be written ({error})") from error
    return file(name)


def _published(name: str) -> str:
    """The hub's repository of weights that timm publishes, "" of others."""
    import timm

    if name not in timm.list_pretrained():
        return ""
    config = timm.get_pretrained_cfg(name)
    return str(config.hf_hub_id or "") if config else ""
