"""The button that stops a visitor's job."""

import gradio as gr

from darkroom.apps.restoration import Jobs


def connect(button: gr.Button, jobs: Jobs) -> None:
    """Let a button stop the job of the visitor who presses it."""

    def stop(request: gr.Request) -> None:
        jobs.stop(str(request.session_hash))

    button.click(stop, queue=False, show_progress="hidden", api_visibility="private")
