"""The page in the browser: restore images with shipped networks and with one's own."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from darkroom.apps import stop_button
from darkroom.apps.restoration import KEPT_SECONDS, MAX_IMAGES, MAX_MEGABYTES, Jobs, Shown, Stopped, restore
from darkroom.core.errors import DarkroomError
from darkroom.engine.restore_files import ImageRestorer

WAITING = 32
"""Jobs that may wait; a further one is refused with a message."""

CSS = """
.gradio-container {width: 100% !important; max-width: 1200px !important; margin: auto}
footer {display: none !important}
#paint-result img, #sample-grid img {width: 100%; image-rendering: pixelated}
"""
"""The page's width; images of a few pixels are shown large."""

NAMED = """<script>
new MutationObserver(() => {
  for (const button of document.querySelectorAll("button:not([aria-label])"))
    if (!button.innerText.trim() && !button.title && button.querySelector("img")) button.ariaLabel = "Enlarge the image";
}).observe(document, {childList: true, subtree: true});
</script>"""
"""A name, for screen readers, for buttons that are an image."""


@dataclass(frozen=True)
class Choice:
    """Something that the page does with an image.

    Args:
        title: on the page.
        explanation: one sentence under it.
        restorer: makes what restores images, with the strength of 0 to 1.
        strength: whether the strength has an effect.
    """

    title: str
    explanation: str
    restorer: Callable[[float], ImageRestorer]
    strength: bool = False


def build(groups: Mapping[str, Sequence[Choice]], jobs: Jobs, extra: Sequence[Callable[[Jobs], Any]] = ()) -> gr.Blocks:
    """The page: a tab for each group of choices, and further tabs.

    Args:
        groups: choices by the title of their tab; a group without choices has no tab.
        jobs: where results are kept.
        extra: functions that make a tab each.
    """
    with gr.Blocks(title="Darkroom", analytics_enabled=False, delete_cache=(600, KEPT_SECONDS)) as page:
        gr.Markdown(
            "# Darkroom\nImages are restored on this computer. Results are deleted after an hour.", elem_id="introduction"
        )
        with gr.Tabs():
            for title, choices in groups.items():
                if choices:
                    with gr.Tab(title):
                        _restoration(choices, jobs, title.lower().replace(" ", "-"))
            for make in extra:
                make(jobs)
    page.queue(max_size=WAITING, default_concurrency_limit=1, api_open=False)
    return page


def launch(page: gr.Blocks, host: str, port: int, *, open_browser: bool = False) -> str:
    """Serve the page without blocking; its address.

    Raises:
        DarkroomError: the port is taken.
    """
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            inbrowser=open_browser,
            share=False,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            max_file_size=MAX_MEGABYTES << 20,
            max_threads=8,
            footer_links=[],
            enable_monitoring=False,
            ssr_mode=False,
            css=CSS,
            head=NAMED,
            theme=_theme(),
        )
    except OSError as error:
        raise DarkroomError(f"port {port} of {host} is taken: choose another one with --port") from error
    return str(address)


def _theme() -> gr.themes.Base:
    """The system's fonts, and explanations that can be read: the usual grey has too little contrast."""
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return theme.set(block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300")


def _restoration(choices: Sequence[Choice], jobs: Jobs, tab: str) -> None:
    """A tab: files, a choice, a strength; before and after with a slider; files to download."""
    titles = [choice.title for choice in choices]
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            files = gr.File(
                file_count="multiple",
                file_types=["image", ".tif", ".tiff"],
                label=f"Images (at most {MAX_IMAGES}, {MAX_MEGABYTES} MB each)",
                elem_id=f"{tab}-files",
            )
            choice = gr.Dropdown(
                titles, value=titles[0], label="What to do", info=choices[0].explanation, elem_id=f"{tab}-choice"
            )
            strength = gr.Slider(
                0,
                1,
                1,
                step=0.05,
                label="Strength",
                info="0 keeps the image, 1 is the network's result",
                visible=choices[0].strength,
            )
            with gr.Row():
                start = gr.Button("Restore", variant="primary", elem_id=f"{tab}-start")
                stop = gr.Button("Stop", interactive=False, elem_id=f"{tab}-stop")
            status = gr.Markdown("", elem_id=f"{tab}-status")
        with gr.Column(scale=2, min_width=320):
            slider = gr.ImageSlider(
                label="Before and after", type="filepath", interactive=False, elem_id=f"{tab}-slider", max_height=700
            )
            which = gr.Dropdown([], label="Image shown", visible=False, elem_id=f"{tab}-which")
            results = gr.File(
                label="Restored files", interactive=False, visible=False, file_count="multiple", elem_id=f"{tab}-results"
            )
    pairs = gr.State({})
    by_title = {entry.title: entry for entry in choices}

    def chosen(title: str) -> tuple[Any, Any]:
        return gr.update(info=by_title[title].explanation), gr.update(visible=by_title[title].strength)

    def run(
        files: list[str] | None,
        title: str,
        strength: float,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008, gradio recognises it by its default
    ) -> Iterator[tuple[Any, ...]]:
        yield from _run(
            jobs, str(request.session_hash), by_title[title], [Path(file) for file in files or ()], strength, progress
        )

    choice.change(chosen, choice, [choice, strength], show_progress="hidden", queue=False, api_visibility="private")
    outputs = [status, slider, which, results, pairs, start, stop]
    start.click(run, [files, choice, strength], outputs, api_visibility="private", show_progress_on=status)
    stop_button.connect(stop, jobs)
    which.input(lambda name, pairs: pairs.get(name), [which, pairs], slider, queue=False, api_visibility="private")


def _run(
    jobs: Jobs, visitor: str, choice: Choice, sources: list[Path], strength: float, progress: Any
) -> Iterator[tuple[Any, ...]]:
    """The values of the page's outputs, after every image."""
    folder, shown, lines = jobs.begin(visitor), list[Shown](), list[str]()

    def state(*, running: bool) -> tuple[Any, ...]:
        names = [f"{number}: {each.name}" for number, each in enumerate(shown, 1)]
        pairs = {name: (str(each.before), str(each.after)) for name, each in zip(names, shown, strict=True)}
        return (
            "\n\n".join(lines),
            pairs[names[0]] if shown else None,
            gr.update(choices=names, value=names[0] if names else None, visible=len(names) > 1),
            gr.update(value=[str(each.file) for each in shown] or None, visible=bool(shown)),
            pairs,
            gr.update(interactive=not running),
            gr.update(interactive=running),
        )

    def tiles(done: int, total: int) -> None:
        jobs.check(visitor)
        progress((len(shown), len(sources)) if total == 1 else (done, total), desc=f"image {len(shown) + 1} of {len(sources)}")

    try:
        yield state(running=True)
        for result in restore(sources, choice.restorer(strength), folder, tiles):
            if isinstance(result, Shown):
                shown.append(result)
                lines += [f"{result.name}: {result.remark}"] if result.remark else []
            else:
                lines.append(str(result))
            jobs.check(visitor)
            yield state(running=True)
        lines.append(f"{len(shown)} of {len(sources)} images restored.")
    except Stopped:
        lines.append(f"Stopped; {len(shown)} of {len(sources)} images restored.")
    except DarkroomError as error:
        lines.append(f"Not done: {error}.")
    finally:
        jobs.end(visitor)
    yield state(running=False)
