"""The contract as a pytest plugin, for an adapter that is installed.

    pytest -p kubisnap.adapters.testing.plugin --pyargs kubisnap.adapters.testing.suite --kubisnap-cloud NAME

The adapter is found by its entry point and opened with the environment as its settings. What it
has and needs is read from its catalogue. `docs/adapters.md` tells about the options and about the
variables for a second account. It makes and removes real things unless the cloud is simulated.

It is not loaded by an entry point of pytest: every run of pytest on a machine would pay for it.
"""

import os

import pytest

from ...engine.domain.resources import Kind
from ...engine.errors import KubisnapError
from .subject import Subject, Wanted, look

_SUBJECT = pytest.StashKey[Subject]()
_PAUSE = 3.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the options; none has an effect without ``--kubisnap-cloud``."""
    group = parser.getgroup("kubisnap", "the contract of cloud adapters")
    group.addoption("--kubisnap-cloud", metavar="NAME", default="", help="the adapter, as its entry point")
    for what in ("region", "size", "image"):
        group.addoption(
            f"--kubisnap-{what}",
            metavar=what.upper(),
            default="",
            help=f"the {what} to use, by the cloud's own name; default: the cheapest that fits",
        )
    group.addoption(
        "--kubisnap-many",
        metavar="N",
        type=int,
        help="servers that one test makes at once, better more than a page of the cloud's lists; default: "
        "33, or what the account has room for",
    )
    group.addoption(
        "--kubisnap-unique",
        metavar="KIND",
        action="append",
        default=[],
        choices=[kind.value for kind in Kind],
        help="a kind of which the cloud refuses a second one of the same name; may be repeated",
    )
    group.addoption(
        "--kubisnap-secret",
        metavar="SETTING",
        action="append",
        default=[],
        help="a setting that is secret, beside those that its package calls so: no error may show its value; "
        "may be repeated",
    )
    group.addoption(
        "--kubisnap-pause",
        metavar="SECONDS",
        type=float,
        default=_PAUSE,
        help=f"seconds between looks at what is being made, of which there are 120; default: {_PAUSE:g}",
    )
    group.addoption(
        "--kubisnap-yes",
        action="store_true",
        help="make and remove real things, which costs money; not needed where the cloud is simulated",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Look at the cloud before anything is collected, so that what is wrong is said once."""
    options = session.config.option
    if not options.kubisnap_cloud:
        return
    if getattr(options, "numprocesses", None):
        raise pytest.UsageError("the contract's tests share an account and count in it: run them without -n")
    wanted = Wanted(
        cloud=options.kubisnap_cloud,
        region=options.kubisnap_region,
        size=options.kubisnap_size,
        image=options.kubisnap_image,
        many=options.kubisnap_many,
        unique=frozenset(map(Kind, options.kubisnap_unique)),
        secrets=tuple(options.kubisnap_secret),
    )
    try:
        subject = look(wanted, os.environ, agreed=options.kubisnap_yes)
    except KubisnapError as error:
        raise pytest.UsageError("\n".join(filter(None, (str(error), error.hint)))) from None
    session.config.stash[_SUBJECT] = subject


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is tested, and that it is real."""
    if _SUBJECT not in config.stash:
        return []
    subject = config.stash[_SUBJECT]
    kinds = ", ".join(kind for kind in Kind if kind in subject.catalogue.kinds)
    real = "nothing is real" if subject.catalogue.simulated else "real things are made and removed"
    return [
        f"kubisnap: {subject.wanted.cloud} {' '.join(subject.offer)}, at {subject.account}: {real}",
        f"kubisnap: {kinds}",
    ]


def subject_of(config: pytest.Config) -> Subject:
    """Return what is tested. Raises pytest's `UsageError` where nobody said."""
    if _SUBJECT not in config.stash:
        raise pytest.UsageError("name the adapter: --kubisnap-cloud NAME")
    return config.stash[_SUBJECT]
