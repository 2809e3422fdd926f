import os
from pathlib import Path

import pytest
import torch

from darkroom.core.files import read_json_lines
from darkroom.engine.folder import RunFolder
from darkroom.engine.journal import Journal

NOT_UTF_8 = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize("folder", ["runs", "$x_$ \\frac{", NOT_UTF_8])
def test_numbers_are_kept_in_a_folder_of_any_name(tmp_path: Path, folder: str):
    (tmp_path / folder).mkdir()
    journal = Journal(RunFolder(tmp_path / folder), 0)
    journal.scalar(1, "validation", f"psnr@{NOT_UTF_8}", 30.0)
    journal.scalar(1, "validation", "psnr@other", float("inf"))
    journal.image(1, NOT_UTF_8, torch.rand(3, 8, 8))
    journal.close()
    names = [line["name"] for line in read_json_lines(tmp_path / folder / "metrics.jsonl")]
    assert names == [f"psnr@{NOT_UTF_8}", "psnr@other"]
    assert len(list((tmp_path / folder / "samples").iterdir())) == 1
    assert bool(journal.remark) == (folder == NOT_UTF_8)  # TensorBoard opens no such folder
    assert bool(list((tmp_path / folder).glob("tensorboard/events*"))) == (folder != NOT_UTF_8)
