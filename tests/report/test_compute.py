"""Plots of quality against compute: which points lie on which line, of one recipe and of several."""

from pathlib import Path

import pytest

from darkroom.core.record import EvaluationRecord, MetricRecord, Result
from darkroom.report import compute, page
from darkroom.report.collect import rows_below
from tests.report.runs import result, run_record, write_run

DISTANCE = MetricRecord("Fréchet", "", "A distance.", False, 2, 0.0, 0.1, "perception")
GIGA = MetricRecord("multiply-adds", "G", "Of one sample.", False, 2, 0.0, 0.1, "other")
COUNT = MetricRecord("evaluations", "", "Of one sample.", False, 0, 0.0, 0.1, "other")
METRICS = {"frechet": DISTANCE, "giga_multiply_adds": GIGA, "network_evaluations": COUNT}


def sampled(
    root: Path,
    recipe: str,
    points: dict[tuple[str, int], tuple[float, float]],
    device: str = "a device",
    dataset: str = "digits",
) -> None:
    """Write a run whose samplers were evaluated: distance and cost by name and steps; a step costs 0.1 seconds."""
    evaluations, results = [], list[Result]()
    for (sampler, steps), (distance, cost) in points.items():
        variant = {"sampler": sampler, **({"steps": float(steps)} if steps else {})}
        evaluations.append(EvaluationRecord(dataset, 400, "400 samples", variant, METRICS, unit="sample"))
        for metric, value in (("frechet", distance), ("giga_multiply_adds", cost), ("network_evaluations", 10 * cost)):
            made = dict(dataset=dataset, variant=variant, count=400, seconds=0.1 * max(steps, 1), values=[], device=device)
            results.append(result("ours", metric, value, **made))
        results.append(result("test images", "frechet", 1.0, dataset=dataset, variant=variant, count=400, values=[]))
    write_run(root, run_record(recipe=recipe, evaluations=evaluations, published=[]), results)


SCORE = {("ddim", 20): (5.0, 2.0), ("ddim", 5): (9.0, 0.5), ("ancestral", 100): (3.0, 10.0)}
GAN = {("generator", 0): (7.0, 0.1), ("ddls:0.1", 10): (6.0, 4.0), ("ddls:0.1", 50): (4.0, 20.0)}


@pytest.fixture
def drawn(monkeypatch) -> list[tuple[list[list[tuple[float, float]]], dict]]:
    """What is plotted."""
    seen: list = []
    monkeypatch.setattr(compute, "plot", lambda lines, **options: seen.append((lines, options)) or "data:")
    return seen


def test_a_line_is_a_sampler_and_its_points_are_its_steps(tmp_path: Path, drawn):
    sampled(tmp_path, "score_sde", SCORE)
    figures = compute.compute(rows_below([tmp_path])[0])
    assert [figure.caption.split(" · ")[0] for figure in figures] == [
        "Fréchet against multiply-adds of a sample (G)",
        "Fréchet against network evaluations of a sample",
        "Fréchet against seconds of a sample",
    ]
    for (lines, options), expected in zip(
        drawn,
        (
            {"ddim": [(0.5, 9.0), (2.0, 5.0)], "ancestral": [(10.0, 3.0)]},
            {"ddim": [(5.0, 9.0), (20.0, 5.0)], "ancestral": [(100.0, 3.0)]},
            {"ddim": [(0.5, 9.0), (2.0, 5.0)], "ancestral": [(10.0, 3.0)]},
        ),
        strict=True,
    ):
        assert dict(zip(figures[0].names, lines, strict=True)) == expected
        assert options["log_x"] and options["log_y"] and options["y"] == "Fréchet"


def test_score_models_and_gans_lie_on_the_same_axes(tmp_path: Path, drawn):
    sampled(tmp_path, "score_sde", SCORE)
    sampled(tmp_path, "gan_ebm", GAN)
    first, *_ = compute.compute(rows_below([tmp_path])[0])
    lines = dict(zip(first.names, drawn[0][0], strict=True))
    assert {name.split(" · ")[-1]: points for name, points in lines.items()} == {
        "ddim": [(0.5, 9.0), (2.0, 5.0)],
        "ancestral": [(10.0, 3.0)],
        "generator": [(0.1, 7.0)],
        "ddls:0.1": [(4.0, 6.0), (20.0, 4.0)],
    }
    assert all(name.startswith(("score_sde s25", "gan_ebm s25")) for name in lines)


def test_seconds_of_two_devices_are_not_compared(tmp_path: Path, drawn):
    sampled(tmp_path, "score_sde", SCORE)
    sampled(tmp_path, "gan_ebm", GAN, device="another device")
    assert [figure.caption for figure in compute.compute(rows_below([tmp_path])[0]) if "seconds" in figure.caption] == []


def test_sets_of_images_are_kept_apart_and_one_point_is_no_plot(tmp_path: Path, drawn):
    sampled(tmp_path, "score_sde", SCORE)
    sampled(tmp_path, "gan_ebm", {("generator", 0): (7.0, 0.1)}, dataset="patches")
    assert all("patches" not in figure.caption.lower() for figure in compute.compute(rows_below([tmp_path])[0]))
    assert len(drawn) == 3


def test_the_page_has_the_plots(tmp_path: Path):
    sampled(tmp_path / "runs", "score_sde", SCORE)
    sampled(tmp_path / "runs", "gan_ebm", GAN)
    page.write(tmp_path / "report.html", rows_below([tmp_path / "runs"])[0])
    text = (tmp_path / "report.html").read_text()
    assert "against multiply-adds of a sample (G)" in text and "ddls:0.1" in text
