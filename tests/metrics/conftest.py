"""Random weights of FID's Inception, as a file."""

from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="package")
def inception(tmp_path_factory) -> Path:
    """A file with random weights of FID's Inception."""
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    folder = tmp_path_factory.mktemp("inception")
    torch.save({}, folder / "none.pth")
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = fidelity.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(folder / "none.pth"))
    torch.save(network.state_dict(), folder / "inception.pth")
    return folder / "inception.pth"
