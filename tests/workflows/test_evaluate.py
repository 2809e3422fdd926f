import pytest
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.rrdbnet import RRDBNet
from darkroom.recipes import lookup
from darkroom.workflows import evaluate as module
from darkroom.workflows.evaluate import evaluate


@pytest.fixture
def foreign(tmp_path):
    """A checkpoint of DnCNN as another program saves it."""
    network = DnCNN(3, 4, 3, batch_norm=False)
    with torch.no_grad():
        network.layers[-1].weight.mul_(0.01)  # the output is nearly the input, hence an image
    state = {f"model.{name.removeprefix('layers.')}": tensor for name, tensor in network.state_dict().items()}
    torch.save(state, tmp_path / "dncnn.pth")
    return tmp_path / "dncnn.pth"


def test_weights_are_evaluated_as_at_the_end_of_training(trained):
    (own,) = [r for r in trained.folder.read_results() if (r.method, r.metric) == ("ours", "psnr")]
    results = evaluate(
        trained.folder.path, str(trained.photos), test_sigmas=[25.0], recipe=str(trained.recipe), accelerator="cpu"
    )
    (again,) = [r for r in results if (r.method, r.metric) == ("laptop", "psnr")]
    assert again.value == pytest.approx(own.value, abs=1e-5)  # convolutions of other memory layouts
    assert again.count == 4 and again.variant == {"sigma": 25.0}


def test_baselines_are_computed_only_if_asked(trained, foreign, tmp_path, monkeypatch):
    counted: list[str] = []

    def counting(evaluation, name, predictor, device, progress, *, refresh):
        counted.append(name)
        return original(evaluation, name, predictor, device, progress, refresh=refresh)

    original = module.baseline_outcome
    monkeypatch.setattr(module, "baseline_outcome", counting)
    sigma = {"test_sigmas": [17.0], "accelerator": "cpu"}  # none is in the cache
    methods = {result.method for result in evaluate(foreign, str(trained.photos), **sigma)}
    assert methods == {"dncnn.pth", "noisy input"} and counted == ["noisy input"]
    everything = {result.method for result in evaluate(foreign, str(trained.photos), baselines="all", **sigma)}
    assert everything > {"dncnn.pth", "noisy input", "total variation"}
    cached = {result.method for result in evaluate(foreign, str(trained.photos), **sigma)}
    assert cached == everything


def test_progress_is_reported(trained, foreign):
    seen = []
    results = evaluate(
        [foreign, trained.folder.path],
        str(trained.photos),
        test_sigmas=[25.0],
        accelerator="cpu",
        recipe=str(trained.recipe),
        progress=lambda title, done, total: seen.append((title, done, total)),
    )
    assert ("dncnn.pth: photos, sigma 25", 4, 4) in seen and ("laptop: photos, sigma 25", 1, 4) in seen
    assert {result.method for result in results} >= {"dncnn.pth", "laptop", "noisy input"}


def test_super_resolution_has_its_own_protocol(trained, tmp_path):
    torch.save(RRDBNet(2, 1).state_dict(), tmp_path / "x2.pth")
    results = evaluate(tmp_path / "x2.pth", str(trained.photos), accelerator="cpu")
    assert {(r.method, r.metric) for r in results} >= {
        ("x2.pth", "psnr_y_crop2"),
        ("bicubic", "psnr_y_crop2"),
        ("bilinear", "psnr"),
    }
    assert {tuple(r.variant.items()) for r in results} == {(("scale", 2.0),)}
    files = evaluate(tmp_path / "x2.pth", str(trained.photos), test_qualities=[20.0, 90.0], accelerator="cpu")
    bicubic = {r.variant["quality"]: r.value for r in files if (r.method, r.metric) == ("bicubic", "psnr_y_crop2")}
    assert bicubic[20.0] < bicubic[90.0] and {r.method for r in files} >= {"x2.pth", "bilinear"}
    other = evaluate(tmp_path / "x2.pth", str(trained.photos), reduction="nearest", accelerator="cpu")
    assert {tuple(r.variant.items()) for r in other} == {(("scale", 2.0), ("reduction", "nearest"))}


def test_what_cannot_be_compared_is_refused(trained, foreign, tmp_path):
    torch.save(RRDBNet(2, 1).state_dict(), tmp_path / "x2.pth")
    with pytest.raises(DarkroomError, match="not comparable in one table: dncnn.pth: scale 1, 3 channel"):
        evaluate([foreign, tmp_path / "x2.pth"])
    with pytest.raises(DarkroomError, match="which weights"):
        evaluate([])
    with pytest.raises(DarkroomError, match="no weights at nowhere"):
        evaluate("nowhere.pth")
    with pytest.raises(DarkroomError, match=r"add --recipe"):
        module.trained.lookup._OUTSIDE.clear()
        evaluate(trained.folder.path, str(trained.photos))


def test_several_test_sets(trained, foreign, tmp_path):
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "one.png").write_bytes((trained.photos / "p0.png").read_bytes())
    seen = []
    found = module.compare(
        [foreign],
        module.Protocol((str(trained.photos), str(tmp_path / "others")), (15.0,)),
        accelerator="cpu",
        partial_results=lambda partial: seen.append(len(partial.results)),
    )
    assert {(r.dataset, r.count) for r in found.results if r.method == "dncnn.pth"} == {("photos", 4), ("others", 1)}
    assert seen == sorted(seen) and seen[0] > 0 and seen[-1] == len(found.results)


@pytest.mark.parametrize("sigma", [-1.0, float("nan"), float("inf")])
def test_a_noise_level_is_finite_and_not_negative(foreign, sigma: float):
    with pytest.raises(DarkroomError, match="--test-sigmas 15.0 .*: must be at least 0"):
        evaluate(foreign, "embedded", test_sigmas=[15.0, sigma])


def test_a_network_for_blind_deblurring_is_not_evaluated_as_a_denoiser(trained, tmp_path):
    settings = {**lookup.row("photographs", "deblur"), "widths": (4, 4, 4), "test_set": str(trained.photos)}
    run = lookup.build("photographs", settings)
    header = lookup.header("photographs", "deblur", settings, run)
    weights.save(tmp_path / "deblur.safetensors", run.method.state_dict(), header)
    results = evaluate(tmp_path / "deblur.safetensors", accelerator="cpu")
    assert {r.method for r in results} >= {"deblur.safetensors", "blurred input"}
    assert "noisy input" not in {r.method for r in results if not r.variant}
    with pytest.raises(DarkroomError, match="--test-set photos is for denoisers"):
        evaluate(tmp_path / "deblur.safetensors", "photos", accelerator="cpu")
