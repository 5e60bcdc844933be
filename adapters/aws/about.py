"""What the adapter for Amazon Web Services says about itself."""

from ...engine.domain.catalogue import ARM64, X86_64, Feature
from ...engine.domain.resources import Kind
from ..about import About, Setting

_EC2 = (
    "AllocateAddress AssociateAddress AttachInternetGateway AttachVolume AuthorizeSecurityGroupIngress "
    "CreateInternetGateway CreateRoute CreateSecurityGroup CreateSubnet CreateTags CreateVolume CreateVpc "
    "DeleteInternetGateway DeleteKeyPair DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVolume DeleteVpc "
    "Describe* DetachInternetGateway DetachVolume DisassociateAddress ImportKeyPair "
    "ModifyNetworkInterfaceAttribute ModifyVolume ReleaseAddress RevokeSecurityGroupIngress RunInstances "
    "TerminateInstances"
)
_ELB = (
    "AddTags CreateListener CreateLoadBalancer CreateTargetGroup DeleteListener DeleteLoadBalancer "
    "DeleteTargetGroup DeregisterTargets Describe* ModifyListener RegisterTargets RemoveTags"
)


def _actions(service: str, names: str) -> str:
    return " ".join(f"`{service}:{name}`" for name in names.split())


ABOUT = About(
    title="Amazon Web Services",
    extra="aws",
    settings=(
        Setting("AWS_ACCESS_KEY_ID", "an access key"),
        Setting("AWS_SECRET_ACCESS_KEY", "its secret", secret=True),
        Setting("AWS_SESSION_TOKEN", "for temporary credentials", secret=True),
        Setting("AWS_PROFILE", "a profile of `~/.aws`, instead; else whatever else boto3 finds"),
        Setting("AWS_REGION", "the region that answers account-wide questions (or `AWS_DEFAULT_REGION`)"),
        Setting("AWS_ENDPOINT_URL", "another end point than AWS's own: https, or on this machine"),
    ),
    privileges=f"{_actions('ec2', _EC2)}; {_actions('elasticloadbalancing', _ELB)}; "
    "`servicequotas:GetServiceQuota`, without which quotas are told as unknown; "
    "`iam:CreateServiceLinkedRole` once, for an account's first load balancer. Before a migration some of "
    "them are rehearsed (`DryRun`), and what is missing is told.",
    tested="The contract, over HTTP, against [moto](https://github.com/getmoto/moto), an implementation of "
    "AWS's API by others, behind a gate of ours that tells accounts apart and answers one request at a time. "
    "moto does not simulate delays, throttling, quotas, client tokens, or most refusals to remove what is in "
    "use: for these there are answers made by hand. AWS itself was not asked.",
    kinds=frozenset(Kind),
    features=frozenset(Feature) - {Feature.MANY_SSH_KEYS, Feature.HTTP},
    subnet_needed=True,
    groups_in_network=True,
    keys_in_region=True,
    networks=(16, 28),
    smallest_volume=1,
    architectures=frozenset({X86_64, ARM64}),
    cannot=(
        "A cluster is in one availability zone, since a volume and its server must be in the same.",
        "A network has no NAT gateway: servers have public addresses, and leave by the internet gateway.",
        "Prices are AWS's list prices as shipped; outside of Northern Virginia within a few per cent.",
    ),
)
