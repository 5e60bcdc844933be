"""Forty applications: what is the same wherever they are deployed. Drawn from their names."""

from zlib import crc32

from benchmarks.archive.draw import Draw

APPS = tuple(
    f"{first}-{second}"
    for first in ("checkout", "catalog", "search", "billing", "media", "auth", "ledger", "notify")
    for second in ("api", "worker", "web", "cron", "gateway")
)
VARIABLES = (
    *("DATABASE_URL", "KAFKA_BROKERS", "REDIS_ADDR", "LOG_LEVEL", "OTEL_ENDPOINT", "FEATURE_FLAGS"),
    *("HTTP_PORT", "SENTRY_DSN", "S3_BUCKET", "MAX_CONNECTIONS", "CACHE_TTL", "QUEUE_NAME"),
)
PARTS = ("server", "client", "cache", "pool", "retry", "log", "tracing", "limits", "storage", "session")
WORDS = (
    *("true", "false", "30s", "100", "info", "strict", "http://upstream", "8080", "/var/lib/app"),
    *("max-age=3600", "utf-8", "keep-alive", "0.25", "round-robin", "json", "us,eu,ap", "never"),
    *("weekly", "512Mi", "X-Request-Id", "bearer", "10.96.0.10", "vault:", "async", "5m", "read-only"),
)
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")
RESOURCES = ("pods", "configmaps", "secrets", "deployments", "leases", "events", "jobs", "endpoints")


class App:
    """One of the forty."""

    def __init__(self, name: str) -> None:
        shape = Draw(crc32(name.encode()))
        self.name = name
        self.port = shape.between(3000, 9000)
        self.variables = {
            f"{shape.pick(VARIABLES)}_{shape.word(4).upper()}": self._value(shape)
            for _ in range(shape.between(4, 10))
        }
        self.about = {
            "shop.example.com/docs": f"https://wiki.example.com/x/{shape.word(8)}",
            "shop.example.com/owner": f"{shape.word(6)}@example.com",
            "shop.example.com/slo": f"{name}/{shape.word(5)}-{shape.word(7)}",
        }
        self.cpu, self.memory = f"{shape.between(1, 20) * 50}m", f"{shape.between(1, 32) * 64}Mi"
        self.sidecar = shape.chance(0.35)
        self.settings = {
            f"{shape.pick(PARTS)}.{shape.pick(PARTS)}.{shape.word(5)}": self._value(shape)
            for _ in range(shape.between(15, 50))
        }
        self.rules = [
            {
                "apiGroups": [""],
                "resources": [shape.pick(RESOURCES)],
                "verbs": list(VERBS[: shape.between(2, 7)]),
            }
            for _ in range(shape.between(2, 7))
        ]

    def _value(self, shape: Draw) -> str:
        return " ".join(shape.pick(WORDS) for _ in range(shape.between(1, 4))) + shape.word(5)
