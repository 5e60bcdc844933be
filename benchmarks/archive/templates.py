"""The Kubernetes objects that an application is made of, kind by kind."""

from collections.abc import Callable

from benchmarks.archive.apps import App
from benchmarks.archive.draw import Draw
from benchmarks.archive.served import Object, coded, moment, served

_DASHES = "-" * 5


def _named(api: str, kind: str, app: App, namespace: str, name: str = "") -> Object:
    labels = {
        "app.kubernetes.io/instance": f"{app.name}-{namespace}",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/name": app.name,
        "app.kubernetes.io/part-of": app.name.partition("-")[0],
        "helm.sh/chart": f"{app.name}-1.{len(app.name)}.0",
    }
    metadata = {
        "annotations": dict(app.about),
        "labels": labels,
        "name": name or app.name,
        "namespace": namespace,
    }
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


def _container(draw: Draw, app: App) -> Object:
    probe = {"failureThreshold": 3, "httpGet": {"path": "/healthz", "port": app.port, "scheme": "HTTP"}}
    return {
        "env": [{"name": name, "value": value} for name, value in app.variables.items()],
        "image": f"registry.example.com/shop/{app.name}:{image_tag(draw)}",
        "imagePullPolicy": "IfNotPresent",
        "livenessProbe": {**probe, "initialDelaySeconds": 15, "periodSeconds": 10},
        "name": app.name,
        "ports": [{"containerPort": app.port, "name": "http", "protocol": "TCP"}],
        "readinessProbe": {**probe, "periodSeconds": 5},
        "resources": {"limits": {"memory": app.memory}, "requests": {"cpu": app.cpu, "memory": app.memory}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }


def image_tag(draw: Draw) -> str:
    """Return a version as a pipeline makes it."""
    return f"2.{draw.between(0, 60)}.{draw.between(0, 9)}-{draw.hexed(8)}"


def deployment(draw: Draw, app: App, namespace: str) -> Object:
    """Return a Deployment."""
    containers = [_container(draw, app)]
    if app.sidecar:
        containers.append(
            {
                "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local"],
                "image": "docker.io/istio/proxyv2:1.22.3",
                "name": "istio-proxy",
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
            }
        )
    wanted = _named("apps/v1", "Deployment", app, namespace)
    labels = wanted["metadata"]["labels"]
    replicas = draw.between(1, 12)
    wanted["spec"] = {
        "progressDeadlineSeconds": 600,
        "replicas": replicas,
        "revisionHistoryLimit": 10,
        "selector": {"matchLabels": {"app.kubernetes.io/name": app.name}},
        "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "containers": containers,
                "dnsPolicy": "ClusterFirst",
                "restartPolicy": "Always",
                "schedulerName": "default-scheduler",
                "serviceAccountName": app.name,
                "terminationGracePeriodSeconds": 30,
            },
        },
    }
    at = moment(draw)
    message = f'ReplicaSet "{app.name}-{draw.word(10)}" has successfully progressed.'
    status = {
        "availableReplicas": replicas,
        "conditions": [
            {
                "lastTransitionTime": at,
                "lastUpdateTime": at,
                "message": message,
                "reason": "NewReplicaSetAvailable",
                "status": "True",
                "type": "Progressing",
            }
        ],
        "observedGeneration": draw.between(1, 40),
        "readyReplicas": replicas,
        "replicas": replicas,
        "updatedReplicas": replicas,
    }
    return served(draw, wanted, status, applied=draw.chance(0.5))


def service(draw: Draw, app: App, namespace: str) -> Object:
    """Return a Service."""
    wanted = _named("v1", "Service", app, namespace)
    address = f"10.96.{draw.between(0, 255)}.{draw.between(1, 254)}"
    wanted["spec"] = {
        "clusterIP": address,
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": app.port}],
        "selector": {"app.kubernetes.io/name": app.name},
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    return served(draw, wanted, {"loadBalancer": {}})


def config_map(draw: Draw, app: App, namespace: str) -> Object:
    """Return a ConfigMap of a few settings and a file of them."""
    settings = dict(app.settings)
    if settings:
        settings[draw.pick(tuple(settings))] = str(draw.between(1, 999))
    wanted = _named("v1", "ConfigMap", app, namespace, f"{app.name}-config")
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    wanted["data"] = {"LOG_LEVEL": draw.pick(("info", "debug")), "application.properties": lines}
    return served(draw, wanted)


def ingress(draw: Draw, app: App, namespace: str) -> Object:
    """Return an Ingress."""
    host = f"{app.name}.{namespace}.example.com"
    wanted = _named("networking.k8s.io/v1", "Ingress", app, namespace)
    backend = {"service": {"name": app.name, "port": {"number": 80}}}
    wanted["metadata"]["annotations"] |= {
        "cert-manager.io/cluster-issuer": "letsencrypt",
        "nginx.ingress.kubernetes.io/proxy-body-size": f"{draw.between(1, 64)}m",
    }
    wanted["spec"] = {
        "ingressClassName": "nginx",
        "rules": [
            {"host": host, "http": {"paths": [{"backend": backend, "path": "/", "pathType": "Prefix"}]}}
        ],
        "tls": [{"hosts": [host], "secretName": f"{app.name}-tls"}],
    }
    status = {"loadBalancer": {"ingress": [{"ip": f"185.36.{draw.between(0, 255)}.{draw.between(1, 254)}"}]}}
    return served(draw, wanted, status)


def role(draw: Draw, app: App, namespace: str) -> Object:
    """Return a Role."""
    wanted = _named("rbac.authorization.k8s.io/v1", "Role", app, namespace)
    wanted["rules"] = app.rules
    return served(draw, wanted)


def account(draw: Draw, app: App, namespace: str) -> Object:
    """Return a ServiceAccount."""
    return served(draw, _named("v1", "ServiceAccount", app, namespace))


def scaler(draw: Draw, app: App, namespace: str) -> Object:
    """Return a HorizontalPodAutoscaler."""
    wanted = _named("autoscaling/v2", "HorizontalPodAutoscaler", app, namespace)
    target = {"averageUtilization": draw.between(50, 90), "type": "Utilization"}
    wanted["spec"] = {
        "maxReplicas": draw.between(5, 40),
        "metrics": [{"resource": {"name": "cpu", "target": target}, "type": "Resource"}],
        "minReplicas": draw.between(1, 4),
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name},
    }
    return served(draw, wanted, {"currentReplicas": draw.between(1, 9), "lastScaleTime": moment(draw)})


def password(draw: Draw, app: App, namespace: str) -> Object:
    """Return an Opaque Secret."""
    wanted = _named("v1", "Secret", app, namespace, f"{app.name}-credentials")
    wanted["data"] = {
        name: coded(draw.hexed(2 * draw.between(8, 24)).encode())
        for name in ("username", "password", "api-key")
    }
    return served(draw, {**wanted, "type": "Opaque"}, applied=False)


def certificate(draw: Draw, app: App, namespace: str) -> Object:
    """Return a TLS Secret, its certificate in PEM as cert-manager writes it."""
    wanted = _named("v1", "Secret", app, namespace, f"{app.name}-tls")
    size, key = draw.pick(((900, 1190), (560, 121)))  # RSA, ECDSA
    wanted["data"] = {
        "tls.crt": coded(_pem("CERTIFICATE", draw.data(size))),
        "tls.key": coded(_pem("KEY", draw.data(key))),
    }
    return served(draw, {**wanted, "type": "kubernetes.io/tls"}, applied=False)


def _pem(what: str, data: bytes) -> bytes:
    code = coded(data)
    lines = "\n".join(code[start : start + 64] for start in range(0, len(code), 64))
    return f"{_DASHES}BEGIN {what}{_DASHES}\n{lines}\n{_DASHES}END {what}{_DASHES}\n".encode()


def release(draw: Draw, app: App, namespace: str) -> Object:
    """Return a Secret in which Helm keeps a release: gzip in base64 in base64."""
    wanted = _named("v1", "Secret", app, namespace, f"sh.helm.release.v1.{app.name}.v{draw.between(1, 90)}")
    wanted["data"] = {"release": coded(coded(draw.data(draw.between(1500, 4500))).encode())}
    return served(draw, {**wanted, "type": "helm.sh/release.v1"}, applied=False)


def definition(draw: Draw, app: App, namespace: str) -> Object:
    """Return a CustomResourceDefinition, with the schema that makes them long."""
    plural = f"{app.name.replace('-', '')}s"
    wanted = _named("apiextensions.k8s.io/v1", "CustomResourceDefinition", app, namespace)
    del wanted["metadata"]["namespace"]
    wanted["metadata"]["name"] = f"{plural}.{namespace}.example.com"
    properties = {
        name.replace(".", "_"): {
            "description": f"{name.replace('.', ' ')} of {app.name}; {value} where it is left out.",
            "type": "string",
        }
        for name, value in tuple(app.settings.items())[:14]
    }
    schema = {"openAPIV3Schema": {"properties": {"spec": {"properties": properties, "type": "object"}}}}
    wanted["spec"] = {
        "group": f"{namespace}.example.com",
        "names": {"kind": plural.title(), "plural": plural},
        "scope": "Namespaced",
        "versions": [{"name": "v1", "schema": schema, "served": True, "storage": True}],
    }
    return served(
        draw, wanted, {"acceptedNames": {"plural": plural}, "storedVersions": ["v1"]}, applied=False
    )


SHARES: tuple[tuple[Callable[[Draw, App, str], Object], int], ...] = (
    (deployment, 15),
    (service, 15),
    (config_map, 19),
    (ingress, 8),
    (role, 9),
    (account, 11),
    (scaler, 6),
    (password, 7),
    (certificate, 4),
    (release, 4),
    (definition, 2),
)
"""How often each kind is met; of a hundred."""
