from pathlib import Path

from PIL import Image

from tests.tiny import flags
from tests.workflows.conftest import RECIPE


def test_a_recipe_of_ones_own_trains_restores_and_is_evaluated(darkroom, photos: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_recipe.py").write_text(RECIPE)
    words = ["train", "my_recipe.py", "laptop", "--accelerator", "cpu", "--steps", 4]
    code, out, error = darkroom(*words, *flags(train_set=photos, test_set=photos))
    assert code == 0, error
    assert "runs/my_recipe/laptop" in out and "Others (published)" in out and "26.50" in out
    code, out, _ = darkroom("train", "my_recipe.py", "laptop", "--help")
    assert code == 0 and "Features between the layers." in out and "--patch-size" in out
    from darkroom.recipes import lookup

    lookup._OUTSIDE.clear()  # as in another process
    words = ["apply", photos / "p0.png", "-o", "restored.png", "--weights", "my_recipe/laptop"]
    code, _, error = darkroom(*words)
    assert code == 2 and "add --recipe my_recipe.py" in error
    code, _, error = darkroom(*words, "--recipe", "my_recipe.py")
    assert code == 0, error
    assert Image.open("restored.png").size == (56, 48)
    words = ["evaluate", "my_recipe/laptop", "--recipe", "my_recipe.py", "--test-set", photos, "--test-sigmas", 25]
    code, out, error = darkroom(*words)
    assert code == 0, error
    assert "laptop" in out
