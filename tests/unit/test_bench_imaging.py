import pytest

from tests.bench.imaging.benchmark import headline, targets
from tests.bench.imaging.contenders import Contender, ContenderError, Drawing, Run, execute
from tests.bench.imaging.imports import light_vs_drawing, light_vs_shared
from tests.bench.imaging.results import Result, ratios, summarize
from tests.bench.soak.soak import growth
from tests.bench.targets import Target

pytestmark = pytest.mark.extra


def run(*cpu: float) -> Run:
    sizes = {"1600x0.avif": 100, "256x0.avif": 10, "1600x0.webp": 200, "1600x0.jpeg": 300}
    return Run(tuple(Drawing(each, 2 * each, sizes) for each in cpu), 90, "engine 1")


def result(cpu: float, size: float, score: float = 70) -> Result:
    formats = ("avif", "webp", "jpeg")
    return Result("engine", cpu, cpu, dict.fromkeys(formats, size), 100, "", dict.fromkeys(formats, score))


RESULTS = {
    "sharp": result(10, 100, 70),
    "matched": result(0.8, 102, 70.5),
    "shipped": result(1.0, 90, 72),
    "sharp_same": result(1.6, 90),
    "sharp_shared": result(1.0, 90),
    "floor": result(0.95, 90),
    "beside_floor": result(1.0, 90),
    "pillow": result(4, 120),
}
FIGURES = {
    **ratios(RESULTS),
    "peak_memory_mb": 120.0,
    "light_import_vs_shared": 1.2,
    "worst_admitted_cpu_seconds": 20.0,
}


def test_medians_of_rounds_then_means_of_photographs() -> None:
    summary = summarize("engine", [run(1, 4), run(2, 5), run(9, 60)], 90, {"avif": [60, 80]})
    assert (summary.cpu_seconds, summary.wall_seconds) == (3.5, 7)
    assert summary.bytes == {"avif": 110, "webp": 200, "jpeg": 300}
    assert summary.total_bytes == 610
    assert summary.ssimulacra2 == {"avif": 70}


def test_ratios() -> None:
    assert FIGURES["derive_cpu_vs_sharp_defaults"] == pytest.approx(0.08)
    assert FIGURES["bytes_vs_sharp_defaults"] == pytest.approx(1.02)
    assert FIGURES["ssimulacra2_minus_sharp"] == {"avif": 0.5, "webp": 0.5, "jpeg": 0.5}
    assert FIGURES["derive_cpu_vs_sharp_same_settings"] == pytest.approx(0.625)
    assert FIGURES["derive_cpu_vs_floor"] == pytest.approx(1.0526, abs=1e-4)
    assert FIGURES["shipped_bytes_saved"] == pytest.approx({"avif": 0.1, "webp": 0.1, "jpeg": 0.1})


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("derive_cpu_vs_sharp_defaults", 0.101),
        ("bytes_vs_sharp_defaults", 1.031),
        ("derive_cpu_vs_sharp_same_settings", 0.651),
        ("derive_cpu_vs_floor", 1.11),
        ("peak_memory_mb", 401),
        ("light_import_vs_shared", 1.36),
        ("worst_admitted_cpu_seconds", 30.1),
        ("ssimulacra2_minus_sharp", {"avif": 0, "webp": -0.1, "jpeg": 0}),
    ],
)
def test_a_figure_beyond_its_limit_is_a_target_missed(figure: str, value: object) -> None:
    assert all(target.met for target in targets(FIGURES))
    missed = [target.name for target in targets({**FIGURES, figure: value}) if not target.met]
    assert [name.split(",")[0] for name in missed] == [figure]


def test_a_limit_itself_is_met() -> None:
    assert Target("a", 1.0, 1.0).met
    assert Target("a", 1.0, 1.0, "at least").met


def test_the_headline_says_what_was_found() -> None:
    assert headline(FIGURES) == "At sharp's own quality, 2% more bytes, for 1/12 of the CPU"


def test_growth_is_the_slope_of_the_warm_process() -> None:
    cold = [(count, 50.0 + count) for count in range(20, 400, 20)]
    flat = [(count, 200.0 + (5 if count % 100 == 0 else 0)) for count in range(400, 2001, 20)]
    leak = [(count, 200.0 * (1 + 0.1 * (count - 420) / 1580)) for count in range(400, 2001, 20)]
    assert growth([*cold, *flat]) == pytest.approx(0, abs=1e-9)
    assert growth([*cold, *leak]) == pytest.approx(0.1, rel=0.02)
    with pytest.raises(ValueError, match="at least 10 samples of a warm process but received 8"):
        growth(flat[:8])


def test_light_handlers_are_held_against_drawing_ones() -> None:
    seconds = {"upload_api": 0.1, "validate": 0.1, "record": 0.1, "metadata": 0.4, "derive": 0.4, "generate": 0.4}
    assert light_vs_drawing(seconds) == pytest.approx(0.25)


def test_light_handlers_of_the_pipeline_are_held_against_what_they_cannot_do_without() -> None:
    assert light_vs_shared({"validate": 0.3, "record": 0.2, "upload_api": 9, "shared": 0.2}) == pytest.approx(1.25)


def test_a_contender_that_fails_is_named_with_its_last_words() -> None:
    with pytest.raises(ContenderError, match="expected figures from Broken but received exit status 3:\nno pixels"):
        execute(["sh", "-c", "echo no pixels >&2; exit 3"], "{}", Contender("Broken", "none").name)
