"""``kubisnap clouds``."""

from ...session import Session


def clouds(session: Session) -> None:
    """Show the clouds: what each has and offers.

    Asks no cloud: what is shown came with the adapter (shipped), or was asked for and kept (refreshed).

    Examples:
      kubisnap clouds
      kubisnap clouds -o json
    """
    from ...catalogues import all_known
    from ...render.offers import cloud_document, clouds_text

    found = all_known()
    session.result(clouds_text(found), "Clouds", {"clouds": [cloud_document(item) for item in found]})
    unknown = [item.cloud for item in found if item.catalogue is None]
    if unknown:
        session.next(f"kubisnap clouds refresh {unknown[0]}")
