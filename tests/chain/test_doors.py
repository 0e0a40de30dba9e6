"""Images come in without loss, or are refused by one sentence that names the file."""

import functools
import os
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from photographs import photograph
from PIL import Image
from tiny_dataset import declare, write_folders

from bench.datasets import get, prepare
from bench.datasets.decode import pixels
from bench.datasets.photographs import squares
from bench.errors import BenchError

GREY, RGB = (4, 5, 1), (4, 5, 3)
RNG = np.random.default_rng(0)
LEVELS = RNG.integers(0, 255, (4, 5), dtype=np.uint8)  # none is 255
COLOUR = RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)
WIDE = LEVELS.astype(np.uint16) * 257


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    declare(monkeypatch)
    return functools.partial(declare, monkeypatch)


def grey(levels=LEVELS):
    return Image.fromarray(levels)


def rgb():
    return Image.fromarray(COLOUR)


def rgba(alpha):
    return Image.fromarray(np.dstack([COLOUR, np.full((4, 5), alpha, np.uint8)]))


def turned(image):
    """The same picture, stored on its side with the EXIF tag that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    return image.transpose(Image.Transpose.ROTATE_90), {"exif": exif}


def with_transparent_colour():
    palette = grey().quantize(32)
    return palette, {"transparency": palette.getpixel((0, 0))}


# Name of the file, what is saved, the declared shape, and the pixels or the words that come out.
IMAGES: dict[str, Any] = {
    "16 bits": ("x.png", grey(WIDE), GREY, LEVELS),
    "16 bits in TIFF": ("x.tif", grey(WIDE), RGB, np.dstack([LEVELS] * 3)),
    "16 bits that 8 do not hold": ("x.png", grey(WIDE + 1), GREY, "16-bit grey levels"),
    "8-bit levels in 16 bits": ("x.png", grey(LEVELS.astype(np.uint16)), GREY, "16-bit"),
    "floats": ("x.tif", grey(LEVELS.astype(np.float32)), GREY, "F pixels"),
    "one bit": ("x.png", grey(LEVELS > 99), GREY, (LEVELS > 99) * np.uint8(255)),
    "colour for grey": ("x.png", rgb(), GREY, "is coloured, expected grey"),
    "grey as RGB": ("x.png", grey().convert("RGB"), GREY, LEVELS),
    "grey for colour": ("x.png", grey(), RGB, np.dstack([LEVELS] * 3)),
    "palette": ("x.png", rgb().quantize(32), RGB, np.asarray(rgb().quantize(32).convert("RGB"))),
    "opaque alpha": ("x.png", rgba(255), RGB, COLOUR),
    "transparent": ("x.png", rgba(254), RGB, "transparent pixels"),
    "transparent WebP": ("x.webp", rgba(0), RGB, "transparent pixels"),
    "transparent colour": ("x.png", with_transparent_colour(), GREY, "transparent pixels"),
    "transparent level of 16 bits": (
        "x.png",
        (grey(WIDE), {"transparency": int(WIDE[0, 0])}),
        GREY,
        "transparent pixels",
    ),
    "signed levels": ("x.tif", (grey(), {"tiffinfo": {339: (2,)}}), GREY, "has signed levels"),
    "CMYK": ("x.tif", rgb().convert("CMYK"), RGB, "CMYK pixels"),
    "turned": ("x.png", turned(rgb()), RGB, COLOUR),
    "turned JPEG": ("x.jpg", turned(Image.new("L", (5, 4), 7)), GREY, np.full((4, 5), 7)),
    "turned TIFF": ("x.tiff", turned(grey()), GREY, "is stored on its side"),
    "bmp": ("x.bmp", rgb(), RGB, COLOUR),
    "webp": ("x.webp", (rgb(), {"lossless": True}), RGB, COLOUR),
    "gif": ("x.gif", grey(), GREY, LEVELS),
    "animated": (
        "x.gif",
        (grey(), {"save_all": True, "append_images": [grey(LEVELS[::-1])]}),
        GREY,
        "has 2 frames",
    ),
    "pages": (
        "x.tif",
        (grey(), {"save_all": True, "append_images": [grey(), grey()]}),
        GREY,
        "has 3 frames",
    ),
    "another size": ("x.png", grey(LEVELS[:, :4]), GREY, "is 4 by 4 pixels, expected 5 by 4"),
    "four channels": ("x.png", rgba(255), (4, 5, 4), "use an .npz"),
}


@pytest.mark.parametrize("case", IMAGES)
def test_image_files(case, tmp_path):
    name, saved, shape, expected = IMAGES[case]
    image, options = saved if isinstance(saved, tuple) else (saved, {})
    path = tmp_path / name
    image.save(path, **options)
    if isinstance(expected, str):
        with pytest.raises(BenchError, match=expected) as caught:
            pixels(path, shape)
        assert str(caught.value).startswith(f"{path}: ")
    else:
        np.testing.assert_array_equal(pixels(path, shape), expected.reshape(shape))


def test_sixteen_bits_a_channel_lose_no_bit_silently(tmp_path):
    """Pillow opens such files as 8 bits a channel, and says nothing."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    for kind, channels in ((2, 3), (4, 2), (6, 4)):
        wide = RNG.integers(0, 65536, (4, 5 * channels), dtype=np.uint16).astype(">u2")
        rows = b"".join(b"\0" + row.tobytes() for row in wide)
        path = tmp_path / f"{kind}.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 4, 16, kind, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b"")
        )
        with pytest.raises(BenchError, match=rf"{kind}\.png: has 16 bits a channel"):
            pixels(path, RGB)


WIDE_COLOUR = RNG.integers(0, 65536, (4, 5, 3), dtype=np.uint16)
PACKED = struct.pack("<IiiHHIIiiIIIII", 40, 5, 1, 1, 16, 3, 12, 0, 0, 0, 0, 0xF800, 0x7E0, 0x1F)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("binary.ppm", b"P6 5 4 65535\n" + WIDE_COLOUR.astype(">u2").tobytes()),
        ("text.pnm", b"P3 5 4 1023\n" + b" ".join(b"%d" % v for v in WIDE_COLOUR.flat)),
    ],
)
def test_nor_do_those_of_pnm(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchError, match=rf"{name}: has 16 bits a channel"):
        pixels(tmp_path / name, RGB)


def test_sixteen_bits_a_pixel_are_read(tmp_path):
    row = struct.pack("<6H", 0xF800, 0x07E0, 0x001F, 0xFFFF, 0, 0)
    head = struct.pack("<2sIHHI", b"BM", 14 + len(PACKED) + len(row), 0, 0, 14 + len(PACKED))
    (tmp_path / "x.bmp").write_bytes(head + PACKED + row)
    right = [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3, [0] * 3]]
    np.testing.assert_array_equal(pixels(tmp_path / "x.bmp", (1, 5, 3)), right)


def test_white_is_not_taken_for_black(tmp_path):
    """Pillow turns the levels round where 0 is white, but not those of 16 bits."""
    for name, levels in (("8.tif", LEVELS), ("16.tif", WIDE)):
        grey(levels).save(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        black = struct.pack("<HHIHH", 262, 3, 1, 1, 0)
        assert content.count(black) == 1
        white = struct.pack("<HHIHH", 262, 3, 1, 0, 0)
        (tmp_path / name).write_bytes(content.replace(black, white))
    np.testing.assert_array_equal(pixels(tmp_path / "8.tif", GREY)[..., 0], 255 - LEVELS)
    with pytest.raises(BenchError, match=r"16\.tif: has 16-bit levels with 0 for white"):
        pixels(tmp_path / "16.tif", GREY)


def test_an_image_of_200_megapixels_is_named(tmp_path, monkeypatch):
    path = photograph(tmp_path / "x.png", 40, 30)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    for read in (lambda: pixels(path, RGB), lambda: squares([path], tmp_path)):
        with pytest.raises(BenchError, match=r"x\.png: has more than 0 megapixels: scale"):
            read()


def test_a_photograph_is_turned_as_its_file_says(tmp_path):
    photograph(tmp_path / "x.png", 300, 400)
    with Image.open(tmp_path / "x.png") as image:
        stored, options = turned(image)
        stored.save(tmp_path / "turned.png", **options)
    upright, also = squares([tmp_path / "x.png", tmp_path / "turned.png"], tmp_path)
    np.testing.assert_array_equal(upright, also)
    (as_stored,) = squares([tmp_path / "turned.png"], tmp_path, as_published=True)
    # To a level: the sides are not resized in the same order.
    np.testing.assert_allclose(as_stored.astype(int), np.rot90(upright), atol=1)


@pytest.mark.parametrize("name", ["office31", "cub", "places205"])
def test_data_sets_of_papers_are_read_as_they_were_published(name):
    source: Any = get(name).sources[-1]
    assert source.as_published


# Folders.


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("red/x.heic", r"x\.heic: \.heic files are not read, convert it"),
        ("red/x.npy", r"x\.npy: \.npy files are not read"),
        ("red/more/x.png", r"red/more: a folder inside the folder of a class"),
        ("x.png", r"test/x\.png: lies in the folder of no class"),
        ("Red/x.png", r"Red: 'Red' is no class of tiny"),
    ],
)
def test_images_that_would_be_passed_over_are_named(tmp_path, path, words):
    write_folders(tmp_path)
    target = tmp_path / "tiny/test" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes((tmp_path / "tiny/test/red/20.png").read_bytes())
    with pytest.raises(BenchError, match=words):
        prepare("tiny", tmp_path)


def test_what_others_left_behind_is_passed_over(tmp_path):
    write_folders(tmp_path)
    right = prepare("tiny", tmp_path).fingerprints
    for path in (
        ".ipynb_checkpoints/0-checkpoint.png", "__MACOSX/red/._0.png", "red/._0.png",
        "red/.DS_Store", "red/.ipynb_checkpoints/0.png", "red/Thumbs.db", ".hidden.png",
        "README.txt", "@eaDir/red/SYNOPHOTO.png", "red/@eaDir/0.png/SYNOPHOTO.png",
    ):  # fmt: skip
        target = tmp_path / "tiny/test" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"\0\5\x16\7")
    assert prepare("tiny", tmp_path).fingerprints == right


@pytest.mark.parametrize("many", [True, False])
def test_a_pipe_among_images_is_not_waited_for(tmp_path, many):
    write_folders(tmp_path)
    if not many:  # of few files the last bytes are looked at
        for path in list((tmp_path / "tiny").rglob("*.png"))[3:]:
            path.unlink()
    (tmp_path / "tiny/train/red").mkdir(exist_ok=True)
    os.mkfifo(tmp_path / "tiny/train/red/x.png")
    with pytest.raises(BenchError, match=r"red/x\.png: is no file"):
        prepare("tiny", tmp_path)


@pytest.mark.parametrize("suffix", ["BMP", "tif", "webp", "gif", "jfif", "ppm"])
def test_every_kind_of_image_file_is_read(tmp_path, tiny, suffix):
    tiny(counts={"train": 0}, shape=(9, 12, 3), labels=())
    photograph(tmp_path / "tiny/train/red/1.png")
    with Image.open(tmp_path / "tiny/train/red/1.png") as image:
        kind = {"jfif": "jpeg", "tif": "tiff"}.get(suffix, suffix)
        image.save(tmp_path / f"tiny/train/red/2.{suffix}", format=kind)
    assert prepare("tiny", tmp_path).counts == {"train": 2}
