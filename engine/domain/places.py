"""Places by name, so that a cluster can be declared near somewhere rather than in a provider's region.

Coordinates are degrees north and east, of the city or of the middle of the area's data centres,
rounded to a tenth of a degree: good to tell which region is nearest, not to navigate by.
"""

from math import asin, cos, radians, sin, sqrt

PLACES: dict[str, tuple[float, float]] = {
    "africa": (-26.2, 28.0),
    "amsterdam": (52.4, 4.9),
    "asia-east": (35.7, 139.7),
    "asia-south": (19.1, 72.9),
    "asia-southeast": (1.3, 103.8),
    "atlanta": (33.7, -84.4),
    "australia": (-33.9, 151.2),
    "bangalore": (13.0, 77.6),
    "canada": (43.7, -79.4),
    "chicago": (41.9, -87.6),
    "dublin": (53.3, -6.3),
    "eu-central": (50.1, 8.7),
    "eu-north": (59.3, 18.1),
    "eu-west": (51.5, -0.1),
    "frankfurt": (50.1, 8.7),
    "helsinki": (60.2, 24.9),
    "london": (51.5, -0.1),
    "middle-east": (25.2, 55.3),
    "mumbai": (19.1, 72.9),
    "new-york": (40.7, -74.0),
    "oregon": (45.6, -122.6),
    "paris": (48.9, 2.4),
    "san-francisco": (37.8, -122.4),
    "sao-paulo": (-23.6, -46.6),
    "singapore": (1.3, 103.8),
    "south-america": (-23.6, -46.6),
    "sydney": (-33.9, 151.2),
    "tokyo": (35.7, 139.7),
    "toronto": (43.7, -79.4),
    "us-central": (41.3, -95.9),
    "us-east": (39.0, -77.5),
    "us-west": (37.4, -121.9),
    "virginia": (39.0, -77.5),
}

_EARTH_RADIUS_KM = 6371.0


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the great-circle distance between two points given in degrees (haversine formula).

    >>> round(distance_km(PLACES["london"], PLACES["frankfurt"]) / 10) * 10
    640
    """
    (lat_a, lon_a), (lat_b, lon_b) = (tuple(map(radians, point)) for point in (a, b))
    square = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * asin(min(1.0, sqrt(square)))
