"""The read-only endpoints: the account itself, regions, sizes, images."""

from .catalog import IMAGES, REGIONS, SIZES, find_image, image_view, region_view, size_view
from .routing import Call, Route, paged
from .wire import Answer, not_found


def _account(call: Call) -> Answer:
    account = call.account
    view = {
        "droplet_limit": account.droplet_limit,
        "floating_ip_limit": account.floating_ip_limit,
        "email": account.email,
        "name": account.name,
        "uuid": account.uuid,
        "email_verified": True,
        "status": "active",
        "status_message": "",
        "team": {"uuid": account.uuid, "name": f"{account.name} (simulated)"},
    }
    return Answer(200, {"account": view})


def _regions(call: Call) -> Answer:
    return paged(call, "regions", [region_view(slug) for slug in REGIONS])


def _sizes(call: Call) -> Answer:
    return paged(call, "sizes", [size_view(size) for size in SIZES.values()])


def _images(call: Call) -> Answer:
    kind = call.query.get("type")
    # All images here are public and none is tagged: either filter leaves nothing.
    nothing = call.query.get("private") == "true" or "tag_name" in call.query
    chosen = [] if nothing else [image for image in IMAGES.values() if kind in (None, image.kind)]
    return paged(call, "images", [image_view(image) for image in chosen])


def _image(call: Call) -> Answer:
    image = find_image(call.args["image"])
    if image is None:
        raise not_found()
    return Answer(200, {"image": image_view(image)})


ROUTES = (
    Route("GET", "/v2/account", _account),
    Route("GET", "/v2/regions", _regions),
    Route("GET", "/v2/sizes", _sizes),
    Route("GET", "/v2/images", _images),
    Route("GET", "/v2/images/{image}", _image),
)
