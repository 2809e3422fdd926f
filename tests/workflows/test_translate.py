import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import darkroom
from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.data.palettes import coloured
from darkroom.data.shapes import PALETTE
from darkroom.networks.pix2pix import UNetGenerator, _original_names
from darkroom.recipes import lookup
from darkroom.workflows.translate import Translator, is_original, make_translator, translate, translate_files

SETTINGS = {**lookup.row("pix2pix", "laptop"), "size": (32, 48), "width": 4, "levels": 4, "discriminator_width": 4}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The weights of an untrained row."""
    run = lookup.build("pix2pix", SETTINGS)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    header = lookup.header("pix2pix", "laptop", SETTINGS, run)
    weights.save(path, run.method.state_dict(), json.loads(json.dumps(header)))
    return path


@pytest.fixture(scope="module")
def translator(trained: Path) -> Translator:
    return make_translator(trained, accelerator="cpu")


def ids() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 7, (32, 48), dtype=np.uint8)


def colours(labels: np.ndarray) -> np.ndarray:
    return coloured(torch.from_numpy(labels).long()[None], PALETTE).permute(1, 2, 0).numpy()


def test_label_maps_of_all_kinds_give_the_same_photograph(translator: Translator, tmp_path: Path):
    labels = ids()
    Image.fromarray(labels).save(tmp_path / "ids.png")
    Image.fromarray(colours(labels)).save(tmp_path / "drawn.png")
    expected = translate(labels, translator)
    assert expected.shape == (32, 48, 3) and expected.dtype == np.uint8
    given = [
        tmp_path / "ids.png", str(tmp_path / "drawn.png"), Image.fromarray(labels), Image.fromarray(colours(labels)),
        colours(labels), labels.astype(np.int64),
    ]  # fmt: skip
    for source in given:
        assert np.array_equal(np.asarray(translate(source, translator)), expected)
    found = translate(torch.from_numpy(labels).long(), translator)
    assert found.shape == (3, 32, 48) and found.is_floating_point()
    assert np.array_equal((255 * found).round().byte().permute(1, 2, 0).numpy(), expected)
    assert isinstance(translate(tmp_path / "ids.png", translator), Image.Image)
    assert translator.classes[0] == "sky" and translator.size == (32, 48)


def test_faults_are_one_line_with_the_file(translator: Translator, tmp_path: Path):
    labels = ids()
    files = {
        "range.png": labels + 5,
        "size.png": labels[:30],
        "photograph.png": colours(labels) // 2,
        "good.png": labels,
    }
    (tmp_path / "maps").mkdir()
    for name, array in files.items():
        Image.fromarray(array).save(tmp_path / "maps" / name)
    Image.fromarray(colours(labels)).convert("P").save(tmp_path / "maps" / "palette.png")
    (tmp_path / "maps" / "broken.png").write_bytes(b"no image")
    found = {file.source.name: file.error for file in translate_files(tmp_path / "maps", tmp_path / "photos", translator)}
    words = {
        "range.png": "the label 11 is out of range: these weights know the labels 0 to 6",
        "size.png": "multiples of 16, given 48x30: resize it to 48x32, or add --resize",
        "photograph.png": "is none of the 7 colours of the labels",
        "palette.png": "has a palette instead of ids",
        "broken.png": "cannot be read",
    }
    assert found.pop("good.png") is None
    for name, line in words.items():
        assert line in found[name] and found[name].count(str(tmp_path / "maps" / name)) == 1 and "\n" not in found[name]
        with pytest.raises(DarkroomError, match=name):
            translate(tmp_path / "maps" / name, translator)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["good.png"]
    with pytest.raises(DarkroomError, match="palette instead of ids"):
        translate(Image.fromarray(colours(labels)).convert("P"), translator)


def test_inputs_are_resized_to_the_training_images(trained: Path):
    translator = make_translator(trained, resize=True, accelerator="cpu")
    large = ids().repeat(2, 0).repeat(2, 1)
    assert np.array_equal(translate(large, translator), translate(ids(), translator))


def test_edges_come_from_instances_or_from_labels():
    network = UNetGenerator(7, edges=True, width=4, levels=4).initialise(generator(0))
    translator, labels = Translator(network), ids()
    assert np.array_equal(translate(labels, translator), translate(labels, translator, instances=labels))
    assert not np.array_equal(translate(labels, translator), translate(labels, translator, instances=np.zeros_like(labels)))


def test_networks_that_take_images():
    translator = Translator(UNetGenerator(0, width=4, levels=4).initialise(generator(0)))
    image = colours(ids())
    expected = translate(image, translator)
    assert np.array_equal(np.asarray(translate(Image.fromarray(image), translator)), expected)
    planes = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    assert np.array_equal((255 * translate(planes, translator)).round().byte().permute(1, 2, 0).numpy(), expected)


def test_checkpoints_of_the_original_pix2pix(tmp_path: Path):
    network = UNetGenerator(0, width=4, levels=5).initialise(generator(0))
    state = network.state_dict()
    torch.save({theirs: state[ours] for theirs, ours in _original_names(5)}, tmp_path / "latest_net_G.pth")
    torch.save({"x": torch.zeros(3)}, tmp_path / "other.pth")
    assert is_original(tmp_path / "latest_net_G.pth") and not is_original(tmp_path / "other.pth")
    image = torch.rand(3, 32, 64)
    found = darkroom.translate(image, tmp_path / "latest_net_G.pth", accelerator="cpu")
    with torch.no_grad():
        torch.testing.assert_close(found, network.eval()(image[None])[0], atol=1e-5, rtol=1e-4)
    with pytest.raises(DarkroomError, match=r"other\.pth is neither Darkroom's nor a U-Net of the original pix2pix"):
        make_translator(tmp_path / "other.pth")


def test_other_weights_are_refused(tmp_path: Path):
    settings = {**lookup.row("dncnn", "laptop"), "width": 4, "depth": 3}
    run = lookup.build("dncnn", settings)
    header = lookup.header("dncnn", "laptop", settings, run)
    weights.save(tmp_path / "w.safetensors", run.method.state_dict(), json.loads(json.dumps(header)))
    with pytest.raises(DarkroomError, match="no network that translates label maps or images"):
        make_translator(tmp_path / "w.safetensors")
