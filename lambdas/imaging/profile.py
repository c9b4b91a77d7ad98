"""The name of an embedded colour profile, as its maker wrote it."""

_TAG_TABLE = 128
_LONGEST_NAME = 120


def profile_name(profile: bytes) -> str | None:
    """Return the description of an ICC ``profile``, or None if it has none that can be read.

    Source: ICC.1:2022, 9.2.41 (profileDescriptionTag), 10.15 (multiLocalizedUnicodeType), and
    ICC.1:2001, 6.5.17 (textDescriptionType) for version 2.
    """
    count = int.from_bytes(profile[_TAG_TABLE : _TAG_TABLE + 4], "big")
    for index in range(min(count, 100)):
        entry = profile[_TAG_TABLE + 4 + 12 * index :][:12]
        if entry[:4] == b"desc":
            offset, size = int.from_bytes(entry[4:8], "big"), int.from_bytes(entry[8:12], "big")
            return _text(profile[offset : offset + size])
    return None


def _text(tag: bytes) -> str | None:
    if tag[:4] == b"desc":
        length = int.from_bytes(tag[8:12], "big")
        name = tag[12 : 12 + length].decode("ascii", "replace")
    elif tag[:4] == b"mluc":
        length, offset = int.from_bytes(tag[20:24], "big"), int.from_bytes(tag[24:28], "big")
        name = tag[offset : offset + length].decode("utf-16-be", "replace")
    else:
        return None
    printable = "".join(letter for letter in name.split("\0")[0] if letter.isprintable()).strip()
    return printable[:_LONGEST_NAME] or None
