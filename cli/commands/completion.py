"""``kubisnap completion``."""

from enum import StrEnum
from typing import Annotated

import typer

from ..session import Session


class Shell(StrEnum):
    """Shells that can be completed for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    session: Session,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)],
) -> None:
    """Print the shell completion script.

    Examples:
      kubisnap completion bash > ~/.local/share/bash-completion/completions/kubisnap
      kubisnap completion fish > ~/.config/fish/completions/kubisnap.fish
    """
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="kubisnap", complete_var="_KUBISNAP_COMPLETE", shell=shell.value)
    session.result(script, "Completion", {"shell": shell.value, "script": script})
