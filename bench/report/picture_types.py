"""What figures of images are drawn from."""

from __future__ import annotations

from dataclasses import dataclass


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
    """For clusters: the "purest" ones or "random" ones."""
    on: str = ""
    """For clusters, "probe": chosen by the images trained on, shown by those tested on."""
