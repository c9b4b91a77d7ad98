"""The environment in which libvips draws: what the drawing functions are deployed with, and what measures them runs in.

glibc's own settings suit it badly. With an arena a thread it holds 0.6 GB after 150 photographs, with two
0.2 GB. It raises its thresholds to the largest frame that it has seen: then large frames lie in the heap
and fragment it, and what small ones free goes back to the system, to be fetched again page by page.
"""

_MIB = 1024**2

LIBVIPS_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    # What is larger has pages of its own, and gives them back: the worst originals peak 4 to 18 % lower.
    "MALLOC_MMAP_THRESHOLD_": str(4 * _MIB),
    # What is smaller is kept for the next picture: 1.5 % of the CPU of a photograph.
    "MALLOC_TRIM_THRESHOLD_": str(128 * _MIB),
    "VIPS_BLOCK_UNTRUSTED": "1",
}
