"""Image files as 8-bit pixels: without loss, or refused by name.

What a library would do silently is done or refused here: 16 bits become 8 where that loses nothing,
photographs are turned as their EXIF data say, and transparency, several frames, colours where grey
levels are declared and colour spaces other than RGB are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.tasks import Images

_READ = "png jpg jpeg jfif bmp gif tif tiff webp pgm ppm pnm pbm"
_REFUSED = "heic heif avif jp2 j2k jxl jpe tga psd svg eps dng cr2 nef arw ico exr hdr pcx dcm npy"
SUFFIXES = frozenset(f".{kind}" for kind in _READ.split())
"""Of the files that are read."""
_OTHER_IMAGES = frozenset(f".{kind}" for kind in _REFUSED.split())
"""Of files that somebody took for images of the data set, and that are not read."""
_LEFT_BEHIND = ("__MACOSX", "@eaDir")
"""Folders that archivers and network disks make."""
_ORIENTATION = 0x0112
"""The EXIF tag that says how an image is to be turned."""
_WHITE_IS_ZERO, _SIGNED = (0x0106, 0), (0x0153, 2)
"""Tags of TIFF, and their values that Pillow does not heed in every mode."""
_PLAIN = ("1", "L", "P", "RGB")
_WIDE = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


def hidden(path: Path) -> bool:
    """Whether a file or folder is what an editor, a notebook or an archiver left behind."""
    return path.name.startswith(".") or path.name in _LEFT_BEHIND


def listed(folder: Path) -> Iterator[Path]:
    """What lies in a folder, by name, without what is `hidden`; nothing where it is no folder.

    Raises:
        BenchError: it cannot be listed.
    """
    if not folder.is_dir():
        return
    try:
        yield from sorted(path for path in folder.iterdir() if not hidden(path))
    except OSError as error:
        raise BenchError(f"{folder}: cannot be listed ({error.strerror})") from error


def image_files(folder: Path) -> list[Path]:
    """The images that lie in the folder of a class, by name.

    Raises:
        BenchError: an image of a kind that is not read, or a folder, lies among them.
    """
    found = []
    for path in listed(folder):
        suffix = path.suffix.lower()
        if path.is_dir():
            raise BenchError(f"{path}: a folder inside the folder of a class: move its images up")
        if suffix in _OTHER_IMAGES:
            kinds = ", ".join(sorted(SUFFIXES))
            raise BenchError(f"{path}: {suffix} files are not read, convert it: {kinds} are")
        if suffix in SUFFIXES:
            found.append(path)
    return found


def read_all(paths: Iterable[Path], shape: tuple[int, int, int]) -> Images:
    """uint8, (N, *shape), from files of exactly that size.

    Raises:
        BenchError: a file is of another size, damaged, or cannot be converted without loss.
    """
    paths = list(paths)
    images = np.empty((len(paths), *shape), dtype=np.uint8)
    for row, path in zip(images, paths, strict=True):
        row[...] = pixels(path, shape)
    return images


def pixels(path: Path, shape: tuple[int, int, int]) -> Images:
    """One image, uint8 of that shape: height, width, 1 or 3 channels.

    Raises:
        BenchError: as `read_all`.
    """
    height, width, channels = shape
    if channels not in (1, 3):
        raise BenchError(f"{path}: an image file has 1 or 3 channels, not {channels}: use an .npz")
    with Opened(path) as file:
        upright = file.upright()
        if upright.size != (width, height):
            raise BenchError(
                f"{path}: is {upright.width} by {upright.height} pixels, expected {width} by "
                f"{height}"
            )
        return _channels(file.eight_bits(upright), channels, path)


class Opened:
    """An image file; whatever is wrong with it becomes one sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Opened:
        """Open it, and refuse what would lose something."""
        from PIL import Image

        if not self.path.is_file():  # a pipe would be waited for
            what = "is no file" if self.path.exists() else "is missing"
            raise BenchError(f"{self.path}: {what}")
        try:
            self._file: Any = Image.open(self.path)
            if self._file.format == "PNG":  # whose checksums decoding does not look at
                self._file.verify()
                self._file = Image.open(self.path)
        except Image.DecompressionBombError as error:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
            raise BenchError(
                f"{self.path}: has more than {most:.0f} megapixels: scale it down"
            ) from error
        except Exception as error:
            raise self._damaged(error) from error
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close it."""
        self._file.close()
        if isinstance(error, Exception) and not isinstance(error, BenchError):
            # Decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error, …
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> BenchError:
        return BenchError(f"{self.path}: damaged or no image ({error}): fetch it again")

    def as_rgb(self) -> Any:
        """The image in RGB as Pillow converts it, whatever that loses."""
        return self._file.convert("RGB")

    def upright(self) -> Any:
        """The image turned as its EXIF data say."""
        from PIL import ImageOps

        frames = getattr(self._file, "n_frames", 1)
        if frames > 1 and self._file.format != "MPO":  # a photograph and its preview
            raise BenchError(f"{self.path}: has {frames} frames, expected one image a file")
        if self._is_narrowed():
            raise BenchError(f"{self.path}: has 16 bits a channel: convert it to 8")
        if self._file.format == "TIFF":
            self._refuse_tags()
        # Pillow turns TIFF when it loads them, and some versions scramble their pixels by it.
        if self._file.format == "TIFF" and self._file.getexif().get(_ORIENTATION, 1) != 1:
            raise BenchError(f"{self.path}: is stored on its side: save it upright")
        return ImageOps.exif_transpose(self._file)

    def _is_narrowed(self) -> bool:
        """Whether Pillow cuts channels of more than eight bits, which it does silently."""
        how = self._file.tile[0][3] if self._file.tile else ""
        if self._file.format == "PPM":  # its mode and largest level, where they are not the usual
            return isinstance(how, tuple) and how[0] == "RGB" and how[1] > 255
        # BMP packs a pixel into 16 bits, which is no channel of so many.
        return ";16" in str(how) and "BGR;16" not in how and self._file.mode not in _WIDE

    def _refuse_tags(self) -> None:
        """Raise a BenchError for levels that mean something else than Pillow takes them for."""
        tags = self._file.tag_v2
        tag, value = _WHITE_IS_ZERO
        if self._file.mode in _WIDE and tags.get(tag) == value:
            raise BenchError(f"{self.path}: has 16-bit levels with 0 for white: save it otherwise")
        tag, value = _SIGNED
        if self._file.mode not in _WIDE and value in tags.get(tag, ()):
            raise BenchError(f"{self.path}: has signed levels: convert it to levels of 0..255")

    def eight_bits(self, image: Any) -> Images:
        """uint8, (height, width) or (height, width, 3)."""
        mode = image.mode
        if mode in _WIDE:
            wide = np.asarray(image)
            self._refuse_transparent(wide == image.info.get("transparency", -1))
            return self._narrowed(wide)
        if mode in _TRANSPARENT or "transparency" in image.info:
            whole = np.asarray(image.convert("RGBA"))
            self._refuse_transparent(whole[..., 3] < 255)
            return whole[..., :3]
        if mode not in _PLAIN:
            raise BenchError(f"{self.path}: has {mode} pixels: convert it to RGB or grey levels")
        return np.asarray(image.convert("L" if mode in ("1", "L") else "RGB"))

    def _refuse_transparent(self, transparent: Any) -> None:
        if transparent.any():
            raise BenchError(f"{self.path}: has transparent pixels: lay it on a background")

    def _narrowed(self, wide: Any) -> Images:
        """16 bits as 8: 257 times an 8-bit level is that level."""
        levels, rest = np.divmod(np.asarray(wide, dtype=np.int64), 257)
        if rest.any() or levels.min() < 0 or levels.max() > 255:
            raise BenchError(
                f"{self.path}: has 16-bit grey levels that 8 bits do not hold: convert it to 8 bits"
            )
        narrow: Images = levels.astype(np.uint8)
        return narrow


def _channels(found: Images, channels: int, path: Path) -> Images:
    """(height, width, channels) from grey levels or RGB."""
    if found.ndim == 2:
        return np.repeat(found[..., None], channels, axis=2)
    if channels == 3:
        return found
    if (found != found[..., :1]).any():
        raise BenchError(f"{path}: is coloured, expected grey levels: convert it")
    return found[..., :1]
