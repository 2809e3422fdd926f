from pathlib import Path

from darkroom.core.record import DataRecord, ValidationRecord
from darkroom.report.checklist import checklist
from darkroom.report.collect import rows_below
from tests.report.runs import denoising_run, evaluation, result, run_record, write_run

OVERLAP = "Training images in the test set"


def answers(path: Path) -> dict[str, list[str]]:
    ((row,), _) = rows_below([path])
    found: dict[str, list[str]] = {}
    for question, answer in checklist(row):
        found.setdefault(question, []).append(answer)
    return found


def test_overlaps_are_stated_as_they_were_checked(tmp_path: Path):
    overlaps = [None, [], ["test001", "test002", "test003"]]
    write_run(tmp_path, run_record(evaluations=[evaluation(overlap=overlap) for overlap in overlaps]), [])
    assert answers(tmp_path)[OVERLAP] == [
        "BSD68, σ = 25: not checked.",
        "BSD68, σ = 25: no test image is among the training images, compared by content.",
        "BSD68, σ = 25: 3 of 68 test images, compared by content: test001, test002, test003.",
    ]


def test_a_long_list_of_names_is_cut(tmp_path: Path):
    write_run(tmp_path, run_record(evaluations=[evaluation(overlap=[f"n{k:02}" for k in range(68)])]), [])
    (answer,) = answers(tmp_path)[OVERLAP]
    assert "68 of 68 test images" in answer and answer.endswith("n19, ….")


def test_every_seed_is_accounted_for(tmp_path: Path):
    denoising_run(tmp_path)
    denoising_run(tmp_path, seed=1, device="another device", finished=False, command="darkroom train dncnn s25 --seed 1")
    found = answers(tmp_path)
    assert found["Runs and seeds"] == ["2 runs, seeds 0, 1."]
    assert found["Training time"] == ["2.0 minutes, not finished"]
    assert found["Evaluated weights"] == ["after step 1,000; not evaluated yet"]
    (infrastructure,) = found["Computing infrastructure"]
    assert "a made-up device, 1 process, 2 threads, precision 32" in infrastructure and "another device" in infrastructure
    assert found["Command"] == ["darkroom train dncnn s25; darkroom train dncnn s25 --seed 1"]


def test_only_recorded_facts_are_stated(tmp_path: Path):
    denoising_run(tmp_path)
    found = answers(tmp_path)
    assert "Split" not in found and "Remark on the data" not in found
    text = " ".join(answer for group in found.values() for answer in group)
    for claim in ("disjoint", "left out", "No search", "none was chosen"):
        assert claim not in text
    assert found["Differences from the recipe's row"] == ["None."]
    assert found["Training data"] == ["bsds432, 432 images; patches of 40 pixels; 128 patches per step."]


def test_the_recipes_words_on_its_data_are_quoted(tmp_path: Path):
    training = DataRecord("faces", 1, 4, "whole images", "", split="Every tenth image.", remarks=["Saved as JPEG.", "Grey."])
    write_run(tmp_path, run_record(training=training), [result("ours", "psnr", 29.0)])
    found = answers(tmp_path)
    assert found["Split"] == ["Every tenth image."] and found["Remark on the data"] == ["Saved as JPEG.", "Grey."]
    assert "Degradation in training" not in found and "1 image;" in found["Training data"][0]


def test_validation_on_test_images_is_stated(tmp_path: Path):
    validation = ValidationRecord(
        "bsd68", 8, "PSNR", "curves and best.safetensors; not for final weights", {"bsd68": 8, "set12": 0}
    )
    write_run(tmp_path, run_record(validation=validation), [result("ours", "psnr", 29.0)])
    (answer,) = answers(tmp_path)["Validation during training"]
    assert answer == (
        "BSD68, 8 images, by PSNR; 8 of them in the test set BSD68. Used for curves and best.safetensors; not for final weights."
    )
