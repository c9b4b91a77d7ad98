"""Encoders measured on photographs: bytes, CPU and SSIMULACRA2, in parallel processes, with a cache."""

import ctypes
import os
import resource
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache as once
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from lambdas.core.keys import NegotiatedFormat, Variant
from lambdas.core.settings import Settings
from lambdas.core.settings.pictures import Encoder, Formats
from lambdas.imaging import encode as encoding
from lambdas.imaging.encode import encode
from lambdas.imaging.engine import pyvips
from lambdas.imaging.render import ready_pixels
from operations.calibration.choose import Point
from operations.calibration.photographs import Photograph, reference
from operations.calibration.quality import CACHE, Cache, score

_TIMINGS = 2  # the quicker one counts: other load only ever adds
_NICENESS = 5
_PR_SET_PDEATHSIG = 1  # prctl(2)
# mallopt(3): parameters of glibc's allocator.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


@dataclass(frozen=True, slots=True)
class Measurement:
    """One derivative, encoded and compared with its reference."""

    photograph: str
    rung: int
    format: NegotiatedFormat
    encoder: Encoder
    bytes: int
    pixels: int
    cpu_seconds: float
    ssimulacra2: float


@dataclass(frozen=True, slots=True)
class Task:
    """A unit of work for one process: one picture at one rung, with several encoders of a format."""

    photograph: Photograph
    rung: int
    format: NegotiatedFormat
    encoders: tuple[Encoder, ...]


def tasks(
    photographs: Iterable[Photograph], rungs: Iterable[int], encoders: Sequence[tuple[NegotiatedFormat, Encoder]]
) -> list[Task]:
    """Return the measurements of ``encoders`` on every rung of every photograph, as tasks of about equal cost."""
    by_format: dict[NegotiatedFormat, list[Encoder]] = {}
    for fmt, encoder in encoders:
        by_format.setdefault(fmt, []).append(encoder)
    widest_first = sorted(rungs, reverse=True)
    return [
        Task(photograph, rung, fmt, tuple(chosen))
        for rung in widest_first
        for photograph in photographs
        for fmt, chosen in by_format.items()
    ]


def measure(
    work: Sequence[Task],
    settings: Settings,
    *,
    processes: int | None = None,
    cache: Path = CACHE,
    time_again: bool = False,
    done: Callable[[int], None] = lambda _count: None,
) -> list[Measurement]:
    """Do all of ``work``; ``done`` is called with the number of derivatives of each finished task.

    Results are kept in ``cache``. Bytes and scores depend on their inputs alone; CPU time depends on the machine
    too, and ``time_again`` measures it again.
    """
    measured: list[Measurement] = []
    count = min(processes or os.cpu_count() or 1, len(work)) or 1
    os.environ["VIPS_CONCURRENCY"] = "1"  # one core per process
    # Forked children would inherit libvips' locks in an unknown state.
    context = get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=prepare_worker) as pool:
        running = {pool.submit(_measure_task, task, settings, cache, time_again): task for task in work}
        try:
            for finished in as_completed(running):
                measured += finished.result()
                done(len(running[finished].encoders))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return measured


def prepare_worker() -> None:
    """Prepare a measuring process: low priority, ends with its parent, keeps freed memory."""
    os.nice(_NICENESS)
    try:
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # Otherwise a score's large arrays are fetched from the system each time, which doubles the time.
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):  # another C library: slower, no worse
        return


def summarize(measurements: Iterable[Measurement]) -> Point:
    """Return the means over ``measurements`` of one encoder.

    Raises:
        ValueError: there are none, or they are of several encoders.
    """
    of = list(measurements)
    if len({measurement.encoder for measurement in of}) != 1:
        raise ValueError(f"expected measurements of one encoder but received {len({each.encoder for each in of})}")
    return Point(
        quality=of[0].encoder.quality,
        ssimulacra2=sum(each.ssimulacra2 for each in of) / len(of),
        bytes=sum(each.bytes for each in of) / len(of),
        cpu_seconds=sum(each.cpu_seconds for each in of) / len(of),
        pixels=sum(each.pixels for each in of) / len(of),
    )


def _measure_task(task: Task, settings: Settings, cache: Path, time_again: bool) -> list[Measurement]:
    return list(_measured(task, settings, cache, time_again))


def _measured(task: Task, settings: Settings, folder: Path, time_again: bool) -> Iterator[Measurement]:
    variant = Variant(task.rung, 0, task.format)
    image = ready_pixels(task.photograph.data, variant, settings)
    digest = sha256(image.write_to_memory()).hexdigest()
    expected = once(lambda: reference(task.photograph, task.rung, settings))
    with Cache(folder) as cache:
        for encoder in task.encoders:
            key = _key(digest, task.photograph.digest, task.format, encoder)
            figures: tuple[int, float, float] | None = None if time_again else cache.get(key)
            if figures is None:
                written, seconds = _timed(partial(_draw, image, task.format, encoder, settings))
                figures = len(written), seconds, score(cache, task.photograph.digest, task.rung, written, expected)
                cache.set(key, figures)
            pixels = image.width * image.height
            yield Measurement(task.photograph.name, task.rung, task.format, encoder, figures[0], pixels, *figures[1:])


def _draw(image: "pyvips.Image", fmt: NegotiatedFormat, encoder: Encoder, settings: Settings) -> bytes:
    formats: Formats = settings.formats.model_copy(update={fmt: encoder})
    return encode(image, fmt, formats, settings.rendering)


def _timed(draw: Callable[[], bytes]) -> tuple[bytes, float]:
    seconds = []
    for _ in range(_TIMINGS):
        before = _cpu_seconds()
        written = draw()
        seconds.append(_cpu_seconds() - before)
    return written, min(seconds)


def _key(pixels: str, original: str, fmt: NegotiatedFormat, encoder: Encoder) -> str:
    """Return a cache key from everything that the figures depend on."""
    code = Path(encoding.__file__).read_bytes()
    parts = (
        pixels, original, fmt, encoder.model_dump_json(),
        sha256(code).hexdigest(), *map(version, ("pyvips-binary", "ssimulacra2", "pillow")),
    )  # fmt: skip
    return sha256("\n".join(parts).encode()).hexdigest()


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
