"""Contender: Darkroom, its full set of derivatives as the derive function draws it, group by group."""

from collections.abc import Sequence

from lambdas.core.keys import NEGOTIATED_FORMATS, Variant
from lambdas.core.settings import Settings, load_settings
from lambdas.core.settings.pictures import Formats
from lambdas.imaging.engine import pyvips
from lambdas.imaging.formats import require_original, sniff
from lambdas.imaging.inspect import inspect
from lambdas.imaging.plan import plan
from lambdas.imaging.render import render
from tests.bench.imaging.child import Drawn, Job, read_job, report


def settings_of(job: Job) -> Settings:
    """Return the settings of ``darkroom.toml`` with the job's encoders."""
    settings = load_settings()
    if job.formats is None:
        return settings
    tables = {**settings.formats.model_dump(), **job.formats}
    return settings.model_copy(update={"formats": Formats.model_validate(tables)})


def variants_of(job: Job) -> tuple[Variant, ...]:
    """Return every rung of the job in every format."""
    return tuple(Variant(width, 0, fmt) for width in job.widths for fmt in NEGOTIATED_FORMATS)


def draw(data: bytes, variants: Sequence[Variant], settings: Settings) -> Drawn:
    """Draw ``variants`` in the groups that the metadata step would plan for this original."""
    fmt = require_original(sniff(data))
    for group in plan(inspect(data, settings.limits).size, fmt, variants, settings):
        for drawn in render(data, group, settings):
            yield str(drawn.variant), drawn.data


if __name__ == "__main__":
    _job = read_job()
    _settings, _variants = settings_of(_job), variants_of(_job)
    report(
        _job,
        lambda data: draw(data, _variants, _settings),
        f"libvips {pyvips.version(0)}.{pyvips.version(1)}.{pyvips.version(2)}",
        lambda data: list(draw(data, _variants[-len(NEGOTIATED_FORMATS) :], _settings)),
    )
