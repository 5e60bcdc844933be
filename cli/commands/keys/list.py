"""``kubisnap keys list``."""

from typing import TYPE_CHECKING, Any

from ...session import Session

if TYPE_CHECKING:
    from ...keyfiles import Held


def list_keys(session: Session) -> None:
    """List the keys for archives and say what is wrong with them.

    Shows the public halves, which anybody may have, and whether the private half is here.

    Examples:
      kubisnap keys list
      kubisnap keys list -o json
    """
    from ...keyfiles import folder, folder_problem, held
    from ...render.style import printable, table

    keys = held()
    if not keys:
        session.result(f"no keys in {printable(str(folder()))}", "Keys", document(keys))
        session.next("kubisnap keys generate NAME")
        return
    rows = [[key.name, str(key.kind), "here" if key.private else "-", key.public or "?"] for key in keys]
    lines = table(rows, header=("NAME", "KIND", "PRIVATE", "PUBLIC")).splitlines()
    wrong = [(f"{key.name} {key.kind}: {key.problem}", key.mend) for key in keys if key.problem]
    for problem, mend in [folder_problem(), *wrong]:
        if problem:
            lines += [f"! {printable(problem)}", f"  mend: {printable(mend)}"]
    session.result("\n".join(lines), "Keys", document(keys))


def document(keys: "list[Held]") -> dict[str, Any]:
    """Return keys for machines."""
    from ...keyfiles import folder, folder_problem

    problem, mend = folder_problem()
    return {
        "folder": str(folder()),
        "problem": problem,
        "mend": mend,
        "keys": [
            {
                "name": key.name,
                "purpose": str(key.kind),
                "public": key.public,
                "private": str(key.private) if key.private else None,
                "problem": key.problem,
                "mend": key.mend,
            }
            for key in keys
        ],
    }
