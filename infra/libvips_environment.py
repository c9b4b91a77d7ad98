"""The environment in which libvips draws: what the drawing functions are deployed with, and what measures them runs in."""

LIBVIPS_ENVIRONMENT = {
    # After 150 photographs a process holds 0.2 GB; with 4 arenas 0.4, with as many as glibc likes 0.6.
    "MALLOC_ARENA_MAX": "2",
    "VIPS_BLOCK_UNTRUSTED": "1",
}
