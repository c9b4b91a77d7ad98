"""What pixels tell of how to encode them: whether they are a graphic, and on which background they are seen.

Measured at 1 to 2 megapixels, share of pixels that differ from their left neighbour: screenshots, logos, drawings and
scans of one bit 0.04 to 0.15, a screenshot with a photo in it 0.33; photographs, dithered and grey scans 0.84 to 1.
"""

from lambdas.imaging.engine import pyvips

_MOST_CHANGES = 0.5
# Encoding without loss takes up to 3 s of CPU per megapixel of changing pixels, and next to none for the others.
_MOST_CHANGING_PIXELS = 2_000_000

_LIKE = 48  # of 255 steps in every band: text in such a colour is hardly read
_MOST_UNLIKE = 0.05  # of what is visible, while the rest is like the background
_MOST_OPAQUE = 0.8  # of the area; above it a picture is its own background
_SEEN_SIDE = 64  # pixels
_DARK, _LIGHT = (32, 32, 32), (255, 255, 255)

Colour = tuple[int, int, int]


def is_graphic(image: "pyvips.Image") -> bool:
    """Return whether most pixels of ``image`` equal their neighbour, and few enough do not to try without loss."""
    if image.width < 2:
        return False
    left, right = (image.crop(at, 0, image.width - 1, image.height) for at in (0, 1))
    changes: float = (left != right).bandor().avg() / 255
    return changes < _MOST_CHANGES and changes * image.width * image.height <= _MOST_CHANGING_PIXELS


def visible_background(image: "pyvips.Image", preferred: Colour) -> Colour:
    """Return ``preferred``, or a dark or white background if what is visible of ``image`` nearly has that colour.

    ``image`` has alpha.
    """
    small = image.thumbnail_image(_SEEN_SIDE, height=_SEEN_SIDE, no_rotate=True)
    colours, alpha = small[:-1], small[-1]
    visible = alpha.avg()
    if visible == 0 or visible / 255 > _MOST_OPAQUE:
        return preferred

    def distance(background: Colour) -> "pyvips.Image":
        return (colours - list(background)).abs()

    unlike = (distance(preferred) > _LIKE).bandor() / 255
    if (unlike * alpha).avg() / visible > _MOST_UNLIKE:
        return preferred
    return max((_DARK, _LIGHT), key=lambda background: (distance(background).bandmean() * alpha).avg())
