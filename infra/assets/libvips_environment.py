"""The environment in which libvips draws: that of the drawing functions, and of what measures them."""

LIBVIPS_ENVIRONMENT = {
    # After 150 photographs a process holds 0.2 GB; with 4 arenas 0.4, with as many as glibc likes 0.6.
    "MALLOC_ARENA_MAX": "2",
    "VIPS_BLOCK_UNTRUSTED": "1",
}
