"""What figures of images and of confusion are drawn from: plain values, a panel a cell."""

from __future__ import annotations

from dataclasses import dataclass

from bench.render.sizes import of_panels

_NARROW = 10
"""Pictures side by side that still fit one column, over all panels."""


@dataclass(frozen=True)
class Picture:
    """One image or filter."""

    shape: tuple[int, int, int]
    """Height, width, channels (1 or 3)."""
    pixels: bytes
    """uint8, rows from the top, channels last."""
    frame: int | None = None
    """True class of the image; None: no frame."""


@dataclass(frozen=True)
class Strip:
    """Pictures side by side."""

    pictures: tuple[Picture, ...]
    label: str = ""


@dataclass(frozen=True)
class Sheet:
    """One panel of images: rows of pictures."""

    label: str
    strips: tuple[Strip, ...] = ()
    words: str = ""
    """Why there are none."""


@dataclass(frozen=True)
class ImagesView:
    """Images of clusters, images and their neighbours, or filters; a panel a cell."""

    experiment: str
    name: str
    caption: str
    preset: str
    show: str
    """"clusters", "neighbours" (the first picture of a strip is the query) or "filters"."""
    panels: tuple[Sheet, ...]
    pick: str = ""
    """Of clusters: the "purest" or "random" ones."""
    on: str = ""
    """Of clusters, "probe": chosen by the images trained on, shown by those tested on."""

    @property
    def width(self) -> float:
        """Inches."""
        strips = [strip for sheet in self.panels for strip in sheet.strips]
        pictures = max((len(strip.pictures) for strip in strips), default=_NARROW)
        return of_panels(1 if pictures * len(self.panels) <= _NARROW else len(self.panels))


@dataclass(frozen=True)
class Matrix:
    """One panel of confusion: classes downwards, clusters in the order in which they are drawn."""

    label: str
    percent: tuple[tuple[float, ...], ...] = ()
    """A row for each class, of its images in each cluster; it sums to 100."""
    classes: tuple[int, ...] = ()
    matched: tuple[int | None, ...] = ()
    """The class that each cluster is matched to; None for one to spare."""
    size: tuple[float, ...] = ()
    """Percent of all images in each cluster."""
    words: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class ConfusionView:
    """True classes by clusters; a panel a cell."""

    experiment: str
    name: str
    caption: str
    preset: str
    panels: tuple[Matrix, ...]

    @property
    def width(self) -> float:
        """Inches."""
        return of_panels(len(self.panels))
