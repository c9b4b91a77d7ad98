"""Pictures that the tests draw for themselves, and how they compare them."""

import io

import numpy as np
import pillow_heif
import pyvips
from PIL import Image as PillowImage

BLOCKS = {  # one colour a corner: whichever way a picture is turned or mirrored, it shows
    "top_left": (200, 60, 50),
    "top_right": (60, 170, 80),
    "bottom_left": (50, 80, 190),
    "bottom_right": (220, 200, 90),
}


def corners(width: int = 240, height: int = 160) -> pyvips.Image:
    """Draw four corners of different colours with a soft texture over them: 8-bit sRGB."""
    rows, columns = np.mgrid[0:height, 0:width]
    top, left = rows < height / 2, columns < width / 2
    picture = np.zeros((height, width, 3))
    for mask, name in (
        (top & left, "top_left"),
        (top & ~left, "top_right"),
        (~top & left, "bottom_left"),
        (~top & ~left, "bottom_right"),
    ):
        picture[mask] = BLOCKS[name]
    texture = 12 * np.sin(rows / 7) + 12 * np.cos(columns / 9)
    return from_array(np.clip(picture + texture[..., None], 0, 255).astype(np.uint8))


def flat(colour: tuple[int, ...], width: int = 64, height: int = 64) -> pyvips.Image:
    """Draw one colour: 3 bands, or 4 with alpha."""
    return from_array(np.full((height, width, len(colour)), colour, np.uint8))


def from_array(array: np.ndarray) -> pyvips.Image:
    return pyvips.Image.new_from_array(array).copy(interpretation="srgb")


def with_orientation(upright: pyvips.Image, orientation: int) -> pyvips.Image:
    """Store ``upright`` so that a reader must apply EXIF ``orientation`` to see it upright again."""
    undo = {
        1: lambda image: image,
        2: lambda image: image.fliphor(),
        3: lambda image: image.rot180(),
        4: lambda image: image.flipver(),
        5: lambda image: image.rot90().fliphor(),
        6: lambda image: image.rot270(),
        7: lambda image: image.rot270().fliphor(),
        8: lambda image: image.rot90(),
    }
    stored = undo[orientation](upright).copy()
    stored.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return stored


def to_pillow(image: pyvips.Image) -> PillowImage.Image:
    return PillowImage.fromarray(image.numpy())


def exif_of(orientation: int) -> bytes:
    """Make EXIF that says nothing but how to turn the picture."""
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def heic(stored: pyvips.Image, orientation: int = 1, **options: object) -> bytes:
    """Write a HEIC that is turned by its own boxes, and says so in its EXIF once more, as telephones do."""
    written, quick = io.BytesIO(), {"preset": "ultrafast"}
    pillow_heif.from_pillow(to_pillow(stored)).save(
        written, exif=exif_of(orientation), quality=90, enc_params=quick, **options
    )
    return written.getvalue()


def avif(stored: pyvips.Image, orientation: int = 1) -> bytes:
    """Write an AVIF that is turned by its own boxes."""
    written = io.BytesIO()
    to_pillow(stored).save(written, "AVIF", exif=exif_of(orientation), quality=90, speed=10)
    return written.getvalue()


def animation(frames: int = 3, width: int = 120, height: int = 80) -> pyvips.Image:
    """Draw an animation whose frames differ in brightness alone, 70 ms each."""
    dark = corners(width, height)
    shown = [(dark * (0.5 + 0.5 * number / frames)).cast("uchar") for number in range(1, frames + 1)]
    joined = pyvips.Image.arrayjoin(shown, across=1).copy(interpretation="srgb")
    joined.set_type(pyvips.GValue.gint_type, "page-height", height)
    joined.set_type(pyvips.GValue.array_int_type, "delay", [70] * frames)
    joined.set_type(pyvips.GValue.gint_type, "loop", 2)
    return joined


def shown_frames(moving: pyvips.Image) -> list[pyvips.Image]:
    height = moving.get_page_height()
    return [moving.crop(0, top, moving.width, height)[:3] for top in range(0, moving.height, height)]


def animated(fmt: str, frames: int = 3, **options: object) -> bytes:
    """Write that animation as gif, webp, apng or avif; AVIF and APNG by Pillow, the former without an end."""
    moving = animation(frames)
    if fmt in ("gif", "webp"):
        return moving.gifsave_buffer() if fmt == "gif" else moving.webpsave_buffer(lossless=True)
    first, *others = [to_pillow(frame) for frame in shown_frames(moving)]
    if fmt == "avif":
        options = {"quality": 95, "speed": 10, **options}
    file = io.BytesIO()
    first.save(
        file, "PNG" if fmt == "apng" else fmt, save_all=True, append_images=others, duration=70, loop=2, **options
    )
    return file.getvalue()


def each_frame_stored_as(moving: pyvips.Image, orientation: int) -> pyvips.Image:
    """Store every frame of an animation so that a reader must turn it."""
    height = moving.get_page_height()
    tops = range(0, moving.height, height)
    frames = [with_orientation(moving.crop(0, top, moving.width, height), orientation) for top in tops]
    joined = pyvips.Image.arrayjoin(frames, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    return joined


def load(data: bytes, options: str = "") -> pyvips.Image:
    """Decode with no conversion at all: what a viewer that ignores metadata would show."""
    return pyvips.Image.new_from_buffer(data, options)


def mean_difference(one: pyvips.Image, other: pyvips.Image, side: int = 64) -> float:
    """Return the mean absolute difference, 0 to 255, of both seen at ``side`` pixels."""
    small = [
        image.colourspace("srgb").thumbnail_image(side, height=side, size="force", no_rotate=True)
        for image in (one, other)
    ]
    return (small[0].cast("float") - small[1].cast("float")).abs().avg()


def colour_at(image: pyvips.Image, x: int, y: int) -> list[int]:
    return [round(value) for value in image.getpoint(x, y)]
