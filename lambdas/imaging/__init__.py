"""Picture code without AWS: sniff ▸ inspect ▸ plan ▸ render.

Nothing is imported here, so that a light handler can use ``formats`` and ``rejection`` without libvips.
"""
