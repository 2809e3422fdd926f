"""Other people's weights: downloaded on request, verified, and compared with the first download."""

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.data import checksums, foreign_weights
from darkroom.data.foreign_weights import WEIGHTS, find, get
from tests.cli.conftest import run
from tests.data.toy_server import Server


@pytest.fixture
def server(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path / "data"))
    made = Server()
    made.content = b"weights of a network"
    yield made
    made.close()


def toy(server: Server, sha256: str | None):
    return dataclasses.replace(find("dncnn_25"), url=server.url, sha256=sha256, megabytes=1)


def test_a_stated_checksum_is_verified_at_every_use(server):
    weights = toy(server, hashlib.sha256(server.content).hexdigest())
    assert get(weights).read_bytes() == server.content and len(server.requests) == 1
    get(weights)
    assert len(server.requests) == 1 and not checksums.recorded_in().exists()
    weights.path().write_bytes(b"changed")
    with pytest.raises(DarkroomError, match="does not have the SHA-256"):
        get(weights)


def test_without_one_the_first_download_is_recorded_and_later_ones_are_compared(server):
    said: list[str] = []
    weights = toy(server, None)
    path = get(weights, log=said.append)
    assert "states no checksum" in said[0] and checksums.first_download(server.url)[0] == checksums.sha256(path)
    path.unlink()
    server.content = b"other weights"
    with pytest.raises(DarkroomError, match="has other content than at its first download"):
        get(weights)
    assert not list(path.parent.iterdir())


def test_a_file_that_is_too_large_is_refused(server):
    server.content = bytes(2_000_001)
    with pytest.raises(DarkroomError, match="more than 2 MB"):
        get(toy(server, None))


def test_the_catalogue_states_address_licence_and_digest():
    for name, weights in WEIGHTS.items():
        assert weights.name == name and weights.url.startswith("https://") and weights.licence and weights.citation
        assert weights.sha256 is None or re.fullmatch("[0-9a-f]{64}", weights.sha256)
    with pytest.raises(DarkroomError, match="there are dncnn_25"):
        find("alexnet")


def test_the_command_names_licence_and_source(server, monkeypatch, capsys):
    monkeypatch.setitem(foreign_weights.WEIGHTS, "toy", toy(server, None))
    assert run("models", "get", "toy") == 0
    said = capsys.readouterr().out
    assert "licence: MIT; no SHA-256 is stated" in said and server.url in said and "darkroom apply" in said
    assert run("models") == 0 and "nothing else does" in capsys.readouterr().out
