import pytest

from darkroom.core import paths
from darkroom.core.errors import DarkroomError


def test_a_missing_package_is_named_as_it_is_installed(monkeypatch):
    monkeypatch.setattr(paths.importlib.util, "find_spec", lambda name: None)
    for package, name in [("sklearn", "scikit-learn"), ("skimage", "scikit-image"), ("torch", "torch")]:
        with pytest.raises(DarkroomError, match=f"'{package}' is not installed: pip install {name}$"):
            paths.package_folder(package)
