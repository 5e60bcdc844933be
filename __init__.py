"""kubisnap, an event-sourced state engine for Kubernetes clusters."""
# Never shipped. Linters and other tools that read this tree uninstalled then see the
# top-level folders as sibling packages, as they are inside the installed `kubisnap`.
