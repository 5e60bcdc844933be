"""The checked parts of a load balancer's body: forwarding rules and the many settings with defaults."""

from . import checks
from .wire import JsonObject, unprocessable

MOST_RULES = 15
_ENTRY_PROTOCOLS = ("http", "https", "http2", "http3", "tcp", "udp")
_TARGET_PROTOCOLS = ("http", "https", "http2", "tcp", "udp")
_LARGEST_PORT = 65535
_CHOICES = {
    "algorithm": ("round_robin", "least_connections"),
    "size": ("lb-small", "lb-medium", "lb-large"),
    "network": ("EXTERNAL", "INTERNAL"),
    "network_stack": ("IPV4", "DUALSTACK"),
    "type": ("REGIONAL", "REGIONAL_NETWORK", "GLOBAL"),
    "tls_cipher_policy": ("DEFAULT", "STRONG"),
}
_FLAGS = (
    "redirect_http_to_https",
    "enable_proxy_protocol",
    "enable_backend_keepalive",
    "disable_lets_encrypt_dns_records",
)


def read(body: JsonObject) -> tuple[JsonObject, ...]:
    """The forwarding rules, at least one, each checked, no two on the same port."""
    rules = tuple(_rule(given) for given in checks.objects(body, "forwarding_rules"))
    if not 1 <= len(rules) <= MOST_RULES:
        raise unprocessable(f"forwarding_rules must be one to {MOST_RULES} rules")
    ports = [(rule["entry_protocol"] == "udp", rule["entry_port"]) for rule in rules]
    if len(set(ports)) < len(ports):
        raise unprocessable("forwarding_rules has two rules for the same entry port")
    return rules


def merged(old: tuple[JsonObject, ...], new: tuple[JsonObject, ...]) -> tuple[JsonObject, ...]:
    """The old rules and those of the new ones that are not among them."""
    return (*old, *(rule for rule in new if rule not in old))


def without(old: tuple[JsonObject, ...], gone: tuple[JsonObject, ...]) -> tuple[JsonObject, ...]:
    """The old rules less the given ones; one at least must be left."""
    left = tuple(rule for rule in old if rule not in gone)
    if not left:
        raise unprocessable("a load balancer must have at least one forwarding rule")
    return left


def _rule(given: JsonObject) -> JsonObject:
    entry, target = checks.text(given, "entry_protocol"), checks.text(given, "target_protocol")
    if entry not in _ENTRY_PROTOCOLS or target not in _TARGET_PROTOCOLS:
        raise unprocessable("a forwarding rule has a protocol that does not exist")
    if (entry == "udp") != (target == "udp"):
        raise unprocessable("a forwarding rule with udp on one side must have it on the other")
    rule: JsonObject = {
        "entry_protocol": entry,
        "entry_port": checks.number(given, "entry_port", low=1, high=_LARGEST_PORT),
        "target_protocol": target,
        "target_port": checks.number(given, "target_port", low=1, high=_LARGEST_PORT),
        "certificate_id": checks.text(given, "certificate_id", default=""),
        "tls_passthrough": checks.flag(given, "tls_passthrough"),
    }
    if entry in {"https", "http2", "http3"} and not (rule["certificate_id"] or rule["tls_passthrough"]):
        raise unprocessable("a forwarding rule for https needs certificate_id or tls_passthrough")
    return rule


def settings(body: JsonObject) -> JsonObject:
    """The settings nothing here depends on, each with its default."""
    kept: JsonObject = {name: _choice(body, name, options) for name, options in _CHOICES.items()}
    kept |= {name: checks.flag(body, name) for name in _FLAGS}
    kept["size_unit"] = checks.number(body, "size_unit", low=1, high=100, default=1)
    kept["http_idle_timeout_seconds"] = checks.number(
        body, "http_idle_timeout_seconds", low=30, high=600, default=60
    )
    kept["project_id"] = checks.text(body, "project_id", default="")
    kept["health_check"] = _health_check(checks.mapping(body, "health_check"))
    kept["sticky_sessions"] = _sticky_sessions(checks.mapping(body, "sticky_sessions"))
    firewall = checks.mapping(body, "firewall")
    kept["firewall"] = {side: list(checks.texts(firewall, side)) for side in ("deny", "allow")}
    return kept


def _choice(body: JsonObject, name: str, options: tuple[str, ...]) -> str:
    value = checks.text(body, name, default=options[0])
    if value not in options:
        raise unprocessable(f"{name} must be one of {', '.join(options)}")
    return value


def _health_check(given: JsonObject) -> JsonObject:
    protocol = _choice(given, "protocol", ("http", "https", "tcp"))
    check: JsonObject = {
        "protocol": protocol,
        "port": checks.number(given, "port", low=1, high=_LARGEST_PORT, default=80),
        "check_interval_seconds": checks.number(given, "check_interval_seconds", low=3, high=300, default=10),
        "response_timeout_seconds": checks.number(
            given, "response_timeout_seconds", low=3, high=300, default=5
        ),
        "unhealthy_threshold": checks.number(given, "unhealthy_threshold", low=2, high=10, default=5),
        "healthy_threshold": checks.number(given, "healthy_threshold", low=2, high=10, default=3),
    }
    return check if protocol == "tcp" else {**check, "path": checks.text(given, "path", default="/")}


def _sticky_sessions(given: JsonObject) -> JsonObject:
    kind = _choice(given, "type", ("none", "cookies"))
    if kind == "none":
        return {"type": kind}
    return {
        "type": kind,
        "cookie_name": checks.text(given, "cookie_name"),
        "cookie_ttl_seconds": checks.number(given, "cookie_ttl_seconds", low=1, high=34_650_000),
    }
