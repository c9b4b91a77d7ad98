"""Pure picture code, no AWS: sniff ▸ inspect ▸ plan ▸ render.

Nothing is imported here, so that a light handler can use ``sniff``, ``limits`` and ``rejection`` without libvips.
"""
