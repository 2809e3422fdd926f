import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.averages import deviation, mean
from darkroom.core.errors import DarkroomError
from darkroom.core.metric import Accumulator, Metric
from darkroom.metrics.fidelity import psnr, psnr_y, ssim
from darkroom.metrics.per_image import PerImageMetric

CPU = torch.device("cpu")


def test_batches_give_the_same_score_as_images_one_by_one():
    target = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    prediction = target + 0.1 * torch.randn(target.shape, generator=torch.Generator().manual_seed(1))
    for metric in (psnr, ssim):
        together, single = metric.accumulator(CPU), metric.accumulator(CPU)
        assert isinstance(together, Accumulator)
        together.update(prediction[:3], target[:3])
        together.update(prediction[3:], target[3:])
        for a, b in zip(prediction, target, strict=True):
            single.update(a[None], b[None])
        assert together.compute().values == pytest.approx(single.compute().values, rel=1e-6)
        assert together.compute().values == pytest.approx(metric(prediction, target).tolist())


def test_a_score_is_the_mean_with_its_deviation():
    target = torch.zeros(3, 1, 12, 12)
    state = psnr.accumulator(CPU)
    state.update(target + torch.tensor([10, 20, 40]).view(3, 1, 1, 1) / 255, target)
    score = state.compute()
    assert score.values == pytest.approx([20 * math.log10(255 / level) for level in (10, 20, 40)])
    assert score.value == statistics.fmean(score.values) and score.deviation == statistics.stdev(score.values)
    assert score.count == 3


def test_an_image_that_is_reproduced_exactly_has_an_infinite_psnr_and_nothing_breaks():
    target = torch.rand(2, 3, 12, 12).mul(255).round() / 255
    state = psnr.accumulator(CPU)
    state.update(torch.stack([target[0], target[1] * 0.5]), target)
    score = state.compute()
    assert math.isinf(score.value) and score.deviation is None and score.count == 2


@given(st.lists(st.floats(-1e6, 1e6) | st.sampled_from([math.inf, -math.inf, math.nan]), min_size=1, max_size=6))
def test_statistics_of_any_values_are_defined(values: list[float]):
    average, spread = mean(values), deviation(values)
    finite = [x for x in values if math.isfinite(x)]
    if len(finite) == len(values):
        assert spread is not None and spread >= 0
    else:
        assert spread is None and not math.isfinite(average)
    if {math.inf, -math.inf} <= set(values):
        assert math.isnan(average)


def test_metrics_are_equal_if_their_descriptions_are():
    assert psnr_y(2) == psnr_y(2) != psnr_y(4)
    assert len({psnr_y(2), psnr_y(2), ssim}) == 2


def test_a_test_set_without_images_raises():
    with pytest.raises(DarkroomError, match="PSNR: the test set has no images"):
        psnr.accumulator(CPU).compute()


def test_what_is_missing_is_read_when_asked():
    absent = ["weights"]
    metric = PerImageMetric("x", "X", "", "x", function=lambda a, b: a.mean((1, 2, 3)), requires=lambda: "".join(absent))
    assert isinstance(metric, Metric) and metric.missing() == "weights"
    absent.clear()
    assert metric.missing() == ""
