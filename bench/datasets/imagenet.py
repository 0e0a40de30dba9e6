"""ImageNet (ILSVRC 2012) and the parts of it that the papers split it into, 256x256.

The files lie as torchvision and everybody else has them: `<root>/imagenet/train/n01440764/*.JPEG`
and `<root>/imagenet/val/n01440764/*.JPEG`. Which classes are held out is no standard, and the
lists of "Learning to cluster in order to transfer across domains and tasks" and of DTC were never
printed. Classes are therefore drawn by the hash of their WordNet id, the same ones everywhere, and
results on them are marked as of another draw. The ten of 10R are the exception: figure 1 of the
paper of 2016 names them, so that our draw of 118 has them among it. Lists of your own, one WordNet
id a line, win:

    <root>/imagenet/imagenet_118.txt     the held-out classes; the others are the 882
    <root>/imagenet/imagenet_30_A.txt    30 of those, also B and C
    <root>/imagenet/imagenet_10R.txt     ten of those

CCN's lists of 118 and 30 are published beside DTC's code, under `DTC_LISTS`. Where all validation
images lie in one folder, as they are packed, Kaggle's LOC_val_solution.csv, put into
`<root>/imagenet`, says of which class each is.

What "Deep image category discovery using a transferred similarity function" printed in its
supplement are the datasets `imagenet882-2016` and `imagenet10r2`.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bench.datasets import photographs
from bench.datasets.dataset import Dataset, Raw, register_dataset
from bench.datasets.sources import Npz
from bench.errors import BenchError

SUBSETS = ("30_A", "30_B", "30_C", "10R")
"""Subsets of the 118 held-out classes, each a column, "yes" or "no", of `imagenet118`."""
HELD_OUT_2016 = """
01443537 01484850 01514859 01530575 01558993 01560419 01614925 01694178 01728572 01737021 01751748
01843065 01943899 01978455 01980166 01983481 01984695 02009912 02058221 02086646 02087394 02089973
02091032 02092002 02093428 02093859 02095889 02096585 02098286 02099429 02102040 02105162 02106382
02107142 02108089 02108551 02108915 02112018 02113186 02113978 02127052 02128925 02129165 02165456
02231487 02396427 02412080 02423022 02483362 02486410 02487347 02492660 02493509 02669723 02730930
02793495 02795169 02804414 02807133 02870880 02916936 02951585 03100240 03124170 03131574 03187595
03188531 03216828 03255030 03272562 03379051 03400231 03447447 03457902 03496892 03534580 03594945
03658185 03662601 03666591 03691459 03697007 03782006 03786901 03794056 03857828 03874599 03944341
03991062 04026417 04033995 04065272 04069434 04070727 04131690 04162706 04201297 04311174 04325704
04344873 04371430 04372370 04380533 04487081 04501370 04505470 04522168 04540053 04579432 07579787
07717410 07734744 07760859 07802026 07873807 13037406 13044778 13052670
"""
TEN_2016 = """
01514859 01558993 02009912 02669723 03991062 04069434 04487081 04505470 07717410 13044778
"""
TEN_2016_FIGURE = """
01498041 01537544 01632777 01644373 01667114 01818515 02002724 02092339 07716906 12998815
"""
"""Of the paper's own text: stingray, indigo bunting, axolotl, tree frog, turtle, macaw, black
stork, Weimaraner, spaghetti squash, agaric. Which of ImageNet's five turtles it has is not said:
the mud turtle by our reading."""
DTC_LISTS = "http://www.robots.ox.ac.uk/~vgg/research/DTC/data/datasets/ImageNet/imagenet_rand118/"
SOLUTION = "LOC_val_solution.csv"
"""A line a validation image: its name without suffix, and "CLASS x y x y …" of its boxes."""
PER_CLASS = {"train": range(732, 1301), "val": range(50, 51)}
"""Images that a class of ILSVRC 2012 has; data with other numbers are marked, not refused."""
OURS = "classes drawn by us, not by the papers"


@cache
def synsets() -> tuple[str, ...]:
    """The WordNet ids of the 1,000 classes, ascending."""
    from timm.data.imagenet_info import ImageNetInfo

    return tuple(sorted(ImageNetInfo("imagenet-1k").label_names()))  # type: ignore[no-untyped-call]


def of_2016(ids: str) -> tuple[str, ...]:
    """WordNet ids from numbers."""
    return tuple(f"n{number}" for number in ids.split())


def drawn(
    names: Iterable[str], count: int, purpose: str, first: Collection[str] = ()
) -> tuple[str, ...]:
    """Some of the names, in ascending order: `first`, then those of the lowest hash with a purpose.

    Args:
        names: All of them.
        count: How many.
        purpose: Other names are drawn for another.
        first: Those that are taken in any case, as far as they are among the names.
    """

    def rank(name: str) -> tuple[bool, bytes]:
        return name not in first, hashlib.sha256(f"{purpose} {name}".encode()).digest()

    return tuple(sorted(sorted(names, key=rank)[:count]))


def held_out(root: Path, subset: str = "118") -> tuple[str, ...]:
    """The held-out classes or a subset of them: the list under the root, or else our own draw.

    Raises:
        BenchError: the list has other than the right number of different classes, or a class that
            is not of ImageNet or, for a subset, not held out.
    """
    among = synsets() if subset == "118" else held_out(root)
    count = int(subset.removesuffix("R").partition("_")[0])
    path = listed(root, subset)
    if not path.is_file():
        printed = of_2016(TEN_2016_FIGURE) if subset in ("118", "10R") else ()
        return drawn(among, count, f"imagenet_{subset}", printed)
    names = tuple(sorted(path.read_text(encoding="utf-8", errors="replace").split()))
    if strange := sorted(set(names) - set(among)):
        whole = "ImageNet" if subset == "118" else "the 118 held-out classes"
        raise BenchError(f"{path}: '{strange[0]}' is none of {whole}, WordNet ids as n01440764")
    if len(set(names)) != count or len(names) != count:
        raise BenchError(
            f"{path}: {len(set(names))} different classes, expected {count}, one a line"
        )
    return names


def listed(root: Path, subset: str) -> Path:
    """Where a user's own list of classes lies."""
    return root / "imagenet" / f"imagenet_{subset}.txt"


def _photographs(folder: Path, names: tuple[str, ...]) -> list[photographs.Named]:
    """The photographs of some classes in a split's folder, a folder each or all in one.

    Raises:
        BenchError: they lie in one folder, and nothing tells their classes, or not those of all.
    """
    if any((folder / name).is_dir() for name in names):
        return photographs.in_folders(folder, names)
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".jpeg")
    if not files:
        return []
    solution = folder.parent / SOLUTION
    if folder.name != "val" or not solution.is_file():
        raise BenchError(
            f"{folder}: {len(files)} images in one folder and no folders of classes: put Kaggle's "
            f"{SOLUTION} into {folder.parent}, or move each image into the folder of its class"
        )
    with solution.open(encoding="utf-8", newline="") as lines:
        told = [line for line in csv.reader(lines) if len(line) > 1 and line[1].strip()]
    of = {line[0]: line[1].split()[0] for line in told}
    if strange := [path.name for path in files if path.stem not in of]:
        raise BenchError(f"{solution}: has no line of {strange[0]}")
    chosen = set(names)
    return [(path, of[path.stem]) for path in files if of[path.stem] in chosen]


@dataclass(frozen=True)
class ClassFolders:
    """The folders of some of the classes."""

    classes: Callable[[Path], tuple[str, ...]]
    """Data root -> WordNet ids."""
    subsets: tuple[str, ...] = ()
    """Subsets that become columns."""
    lists: tuple[str, ...] = ()
    """Files of class names that a user may give; without one the classes are of our own draw."""

    def files(self, dataset: Dataset, root: Path) -> list[Path]:
        """The folders of its classes, and the lists that a user gave."""
        lists = [path for name in ("118", *SUBSETS) if (path := listed(root, name)).is_file()]
        if (flat := root / "imagenet" / SOLUTION).is_file():
            lists += [flat, root / "imagenet" / "val"]
        splits = [root / "imagenet" / split for split in self.splits(dataset, root)]
        names = self.classes(root)
        return [*lists, *(s / n for s in splits for n in names if (s / n).is_dir())]

    def layout(self, dataset: Dataset) -> str:
        """The pattern of its paths."""
        return f"imagenet/{{{','.join(dataset.counts)}}}/n01440764/*.JPEG"

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits that have a folder."""
        return {split for split in dataset.counts if (root / "imagenet" / split).is_dir()}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """The images of the classes, and for each subset whether their class is in it."""
        names, files, notes = self.classes(root), {}, []
        for split in (s for s in dataset.counts if s in self.splits(dataset, root)):
            found = _photographs(root / "imagenet" / split, names)
            counts = Counter(name for _, name in found)
            if lacking := [name for name in names if not counts[name]]:
                raise BenchError(
                    f"{root / 'imagenet' / split}: no images of {len(lacking)} of the {len(names)} "
                    f"classes of {dataset.name}, such as {lacking[0]}: unpack all of ILSVRC 2012"
                )
            if any(n not in PER_CLASS[split] for n in counts.values()):
                notes.append(f"{split}: not as many images of each class as ILSVRC 2012 has")
            files[split] = found
        if any(not listed(root, name).is_file() for name in self.lists):
            notes.append(OURS)
        raw = photographs.read(dataset, root, files, as_published=True)
        return self._with_subsets(dataclasses.replace(raw, note="; ".join(notes)), root)

    def _with_subsets(self, raw: Raw, root: Path) -> Raw:
        columns, names = dict(raw.columns), dict(raw.names)
        for subset in self.subsets:
            chosen = [name in held_out(root, subset) for name in names["label"]]
            columns[subset] = np.array(chosen, dtype=np.int64)[columns["label"]]
            names[subset] = ("no", "yes")
        return dataclasses.replace(raw, columns=columns, names=names)


def _register(name: str, summary: str, source: ClassFolders, space: str = "") -> None:
    register_dataset(
        Dataset(
            name=name,
            summary=f"{summary} of ImageNet (ILSVRC 2012), 256x256",
            shape=photographs.SHAPE,
            counts={"train": 0, "val": 0},
            labels=(),
            licence="research only",
            citation="Russakovsky et al. 2015, ImageNet Large Scale Visual Recognition Challenge",
            how_to_get=(
                "put ILSVRC 2012 from https://image-net.org into DATA_ROOT/imagenet/train/CLASS "
                "and DATA_ROOT/imagenet/val/CLASS, or val as it is packed with Kaggle's "
                f"{SOLUTION} beside it; the papers' lists of held-out classes are at {DTC_LISTS}, "
                "and go into DATA_ROOT/imagenet"
            ),
            sources=(Npz(), source),
            on_request=space,
        )
    )


def _but(root: Path) -> tuple[str, ...]:
    return tuple(sorted(set(synsets()) - set(held_out(root))))


_2016 = set(of_2016(HELD_OUT_2016))
_register(
    "imagenet",
    "all 1,000 classes",
    ClassFolders(lambda _: synsets()),
    "262 GB, and as much again for a while",
)
_register(
    "imagenet882",
    "882 classes",
    ClassFolders(_but, lists=("118",)),
    "231 GB, and as much again for a while",
)
_register(
    "imagenet118",
    "the other 118 classes",
    ClassFolders(held_out, SUBSETS, ("118", *SUBSETS)),
    "31 GB, and as much again for a while",
)
_register(
    "imagenet882-2016",
    "the 882 classes of the supplement of 2016",
    ClassFolders(lambda _: tuple(n for n in synsets() if n not in _2016)),
    "231 GB, and as much again for a while",
)
_register(
    "imagenet10r2",
    "ten classes of the supplement of 2016",
    ClassFolders(lambda _: of_2016(TEN_2016)),
)
