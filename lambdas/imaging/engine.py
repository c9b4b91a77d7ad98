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


def reason(error: "pyvips.Error") -> str:
    """Return the first line of what libvips says went wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # The first line names the operation, the second the cause.
    return (lines[1] if len(lines) > 1 else lines[0] if lines else "no reason")[:200]


__all__ = ["LOADERS", "pyvips", "reason"]
