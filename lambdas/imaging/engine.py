"""libvips as Darkroom wants it in this process: few loaders, no caches.

Every module that draws imports ``pyvips`` from here, so that none runs before this is set.
"""

import pyvips

# Only what `formats.ORIGINAL_FORMATS` names may be loaded, whatever else this libvips was built with.
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

__all__ = ["LOADERS", "pyvips"]
