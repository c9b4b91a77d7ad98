"""Numbers as people read them."""

_UNITS = ("B", "KB", "MB", "GB", "TB")

# What a viewer has to do to a stored picture (Exif 2.32, tag Orientation).
TURNS = {
    2: "mirror",
    3: "half turn",
    4: "flip",
    5: "mirror, quarter turn left",
    6: "quarter turn right",
    7: "mirror, quarter turn right",
    8: "quarter turn left",
}


def size(count: int) -> str:
    """Write a number of bytes with its decimal unit and two to three digits: ``3.9 MB``."""
    amount = float(count)
    for unit in _UNITS[:-1]:
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if unit != "B" and amount < 9.95 else f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """Write a time: ``4 ms``, ``1.8 s``, ``2 min 05 s``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"


def count(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: ``1 picture``, ``5 pictures``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
