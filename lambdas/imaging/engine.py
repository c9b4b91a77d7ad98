"""libvips as configured for this process: few loaders, no caches.

Every module that draws imports ``pyvips`` from here, so that none runs before this is set.
"""

import logging
from collections import deque

import pyvips

# Loaders of the accepted formats only, whatever else this libvips was built with.
LOADERS = (
    "VipsForeignLoadJpeg",
    "VipsForeignLoadPng",
    "VipsForeignLoadWebp",
    "VipsForeignLoadHeif",
    "VipsForeignLoadTiff",
    "VipsForeignLoadNsgif",
)

pyvips.operation_block_set("VipsForeignLoad", True)
for _loader in LOADERS:
    pyvips.operation_block_set(_loader, False)

# No picture is drawn twice in one process: a cache would only keep its pixels alive.
pyvips.cache_set_max(0)


class _Warnings(logging.Handler):
    """The last messages that libvips and its decoders wrote to the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: deque[str] = deque(maxlen=100)

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


_warnings = _Warnings()
logging.getLogger("pyvips").addHandler(_warnings)


def clear_errors() -> None:
    """Forget what libvips has said of other pictures: it keeps warnings and adds them to the next error."""
    pyvips.vips_lib.vips_error_clear()
    _warnings.messages.clear()


def logged_errors() -> str:
    """Return what libvips and its decoders have said since ``clear_errors``, such as that they filled in pixels."""
    kept = pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()).decode("utf-8", "replace")
    return "\n".join((*_warnings.messages, kept))


__all__ = ["LOADERS", "clear_errors", "logged_errors", "pyvips"]
