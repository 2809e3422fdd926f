"""Evaluation of kernel fields: the truth scores best, no blur scores as the blurred image; frames of a trajectory."""

from pathlib import Path

import pytest
import torch

from darkroom.core.images import ImageFile, to_float, write
from darkroom.core.method import Example
from darkroom.data.embedded import embedded
from darkroom.data.image_set import ImageSet
from darkroom.data.koehler import Koehler
from darkroom.data.shaken import DrawnForEachImage
from darkroom.evaluations.kernel_fields import KernelFields, no_blur, true_kernels
from darkroom.evaluations.kernel_metrics import kernel_l1, reblur_psnr
from darkroom.evaluations.trajectory_frames import TrajectoryFrames
from darkroom.methods.regression import Regression, squared_error
from darkroom.metrics.best_frame import best_frame_psnr
from darkroom.metrics.fidelity import psnr
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.solvers.blind import Restoration

CPU = torch.device("cpu")


@pytest.fixture
def evaluation(tmp_path: Path) -> KernelFields:
    for number in range(2):
        photograph = to_float(embedded("heldout")[number])[:, 60:130, 100:180].contiguous()
        write(tmp_path / "sharp" / f"{number}.png", ImageFile(photograph))
    pair = ShakenPair(CameraShake(17, steps=300, exposures=(0.5,)), 2, field_given=True)
    return KernelFields(
        ImageSet.from_path(tmp_path / "sharp"),
        DrawnForEachImage(pair),
        (kernel_l1, reblur_psnr(2.2), psnr),
        Restoration(15),
        baselines={"no blur": no_blur, "true kernels": true_kernels},
    )


def test_true_kernels_score_best_and_no_blur_is_the_blurred_input(evaluation: KernelFields):
    evaluation.open()
    truth = evaluation.evaluate(true_kernels, CPU).scores
    none = evaluation.evaluate(no_blur, CPU).scores
    assert truth["kernel_l1"].value == pytest.approx(0, abs=1e-6) and none["kernel_l1"].value > 1
    assert truth["reblur_psnr"].value > 55  # rounded to 8 bits, nothing else
    blurred = psnr.accumulator(CPU)
    for item in evaluation._examples():
        blurred.update(item.example.input[None], item.example.target[None, :, 8:-8, 8:-8])
    assert none["psnr"].value == pytest.approx(blurred.compute().value, abs=0.02)
    assert truth["psnr"].value > none["psnr"].value + 2


def test_a_method_s_own_evaluation_has_curves_and_figures_and_a_validation_has_no_restoration(evaluation: KernelFields):
    evaluation.open()
    ours = evaluation.evaluate(lambda batch: true_kernels(batch), CPU)
    assert len(ours.curves["psnr"]) == 15 and ours.curves["psnr"][-1] == ours.scores["psnr"].value
    roles = {"input", "prediction", "target", "estimated kernels", "true kernels", "basis and masks"}
    assert set(ours.previews[0].images) == roles
    assert not evaluation.evaluate(true_kernels, CPU).curves
    validation = evaluation.first(1).with_metrics((kernel_l1,))
    assert len(validation) == 1 and list(validation.evaluate(true_kernels, CPU).scores) == ["kernel_l1"]
    assert "restored by" in evaluation.protocol() and "restored by" not in validation.protocol()


def test_the_best_of_a_trajectory_s_frames_counts(tmp_path: Path):
    frames = [to_float(embedded("heldout")[0])[:, 60:120, 100 + n : 180 + n].contiguous() for n in range(3)]
    write(tmp_path / "BlurryImages" / "Blurry1_1.png", ImageFile(torch.stack(frames).mean(0)))
    for number, frame in enumerate(frames, 1):
        write(tmp_path / "Image1" / f"GroundTruth1_1_{number}.png", ImageFile(frame))
    scores = {}
    for gamma in (1.0, 2.2):
        evaluation = TrajectoryFrames(Koehler(tmp_path), [best_frame_psnr], linear_gamma=gamma)
        evaluation.open()
        predictor = evaluation.predictor(Regression(torch.nn.Identity(), squared_error))
        outcome = evaluation.evaluate(predictor, CPU)
        scores[gamma] = outcome.scores["best_frame_psnr"].value
        assert set(outcome.previews[0].images) == {"input", "prediction", "target"}
        blurred = evaluation.evaluate(evaluation.baselines["blurred input"], CPU).scores["best_frame_psnr"].value
        assert blurred == pytest.approx(scores[gamma], abs=0.01)  # coded and decoded: the same
    assert evaluation.protocol() != TrajectoryFrames(Koehler(tmp_path), [best_frame_psnr]).protocol()
    perfect = evaluation.evaluate(lambda batch: frames[1][None], CPU).scores["best_frame_psnr"].value
    assert perfect > max(scores.values()) + 10


def test_examples_are_a_batch_of_one_with_their_field(evaluation: KernelFields):
    evaluation.open()
    seen: list[Example] = []

    def look(batch: Example):
        seen.append(batch)
        return true_kernels(batch)

    evaluation.with_metrics((kernel_l1,)).evaluate(look, CPU)
    assert [tuple(batch.input.shape) for batch in seen] == [(1, 3, 54, 64)] * 2
    assert not torch.equal(seen[0].condition[0], seen[1].condition[0])
