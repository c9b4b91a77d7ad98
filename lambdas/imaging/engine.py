"""libvips as configured for this process: few loaders, no caches.

Every module that draws imports ``pyvips`` from here, so that none runs before this is set.
"""

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


def clear_errors() -> None:
    """Forget what libvips has logged of other pictures: it keeps warnings and adds them to the next error."""
    pyvips.vips_lib.vips_error_clear()


__all__ = ["LOADERS", "clear_errors", "pyvips"]
