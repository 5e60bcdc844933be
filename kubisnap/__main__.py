"""``python -m kubisnap``."""

from .cli.app import main

main()
