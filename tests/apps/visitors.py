"""Visitors of the page without a browser: they upload a file, press the button and wait for the result, as the page does."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

PATIENCE = 600
"""Seconds that a visitor waits."""


def restored(address: str, photo: Path, choice: str) -> str:
    """Restore one image on the tab "Restore"; what the page says at the end.

    Args:
        address: of the page.
        photo: the file.
        choice: what to do with it.
    """
    return pressed(address, "restore-start", [[_uploaded(address, photo)], choice, 1.0])


def pressed(address: str, button: str, inputs: Sequence[Any]) -> str:
    """Press a button; everything that the page's server answers, as text.

    Args:
        address: of the page.
        button: its element.
        inputs: values of the components that belong to it.
    """
    config = requests.get(f"{address}config", timeout=PATIENCE).json()
    number = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == button)
    event = next(entry for entry in config["dependencies"] if [number, "click"] in entry["targets"])
    session = secrets.token_hex(8)
    asked = {"data": list(inputs), "fn_index": event["id"], "session_hash": session, "trigger_id": number}
    joined = requests.post(f"{address}gradio_api/queue/join", json=asked, timeout=PATIENCE)
    if not joined.ok:
        return joined.text
    said = ""
    with requests.get(
        f"{address}gradio_api/queue/data", params={"session_hash": session}, stream=True, timeout=PATIENCE
    ) as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix(b"data:")) if line.startswith(b"data:") else {}
            said += json.dumps(message.get("output", ""), ensure_ascii=False)
            if message.get("msg") in ("process_completed", "close_stream"):
                return said
    return said


def _uploaded(address: str, photo: Path) -> dict[str, Any]:
    with photo.open("rb") as file:
        answer = requests.post(f"{address}gradio_api/upload", files={"files": (photo.name, file)}, timeout=PATIENCE)
    return {"path": answer.json()[0], "orig_name": photo.name, "meta": {"_type": "gradio.FileData"}}
