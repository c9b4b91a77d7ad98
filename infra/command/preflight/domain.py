"""Checks of a domain of your own: its certificate and its hosted zone."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from infra.command.preflight.findings import Finding, Target, error_code
from lambdas.core.settings import EDGE_REGION


def certificate(target: Target) -> Iterator[Finding]:
    """Find a certificate that CloudFront would refuse; one that the deployment makes is not there yet."""
    domain = target.settings.domain
    if domain is None or domain.certificate_arn is None:
        return
    arn, subject = domain.certificate_arn, "Certificate"
    if arn.split(":")[4] != target.names.account:
        message = f"of account {arn.split(':')[4]}, and you deploy to {target.names.account}"
        yield Finding(subject, "blocker", message, "make one in this account in us-east-1, and set its ARN")
        return
    try:
        found = target.client("acm", EDGE_REGION).describe_certificate(CertificateArn=arn)["Certificate"]
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        way_out = "make one in ACM in us-east-1, the only region that CloudFront reads, and set its ARN"
        yield Finding(subject, "blocker", f"no certificate {arn}", way_out)
        return
    if found["Status"] == "PENDING_VALIDATION":
        way_out = "add the CNAME records that ACM shows for it, and wait until it is issued"
        yield Finding(subject, "blocker", "not validated yet", way_out)
    elif found["Status"] != "ISSUED":
        yield Finding(subject, "blocker", found["Status"].lower(), "make another, and set its ARN")
    elif missing := [
        name for name in domain.names if not _covers(found.get("SubjectAlternativeNames", [found["DomainName"]]), name)
    ]:
        yield Finding(subject, "blocker", f"not for {', '.join(missing)}", "make one for every name of the domain")
    else:
        yield Finding(subject, "ok", "issued, for every name")


def hosted_zone(target: Target) -> Iterator[Finding]:
    """Find a hosted zone that is missing, private, or of another name."""
    domain = target.settings.domain
    if domain is None or domain.hosted_zone is None:
        return
    zone, subject = domain.hosted_zone, f"Hosted zone {domain.hosted_zone.id}"
    way_out = "set domain.hosted_zone to a public zone of this account: aws route53 list-hosted-zones"
    try:
        found = target.client("route53", EDGE_REGION).get_hosted_zone(Id=zone.id)["HostedZone"]
    except ClientError as error:
        if error_code(error) != "NoSuchHostedZone":
            raise
        yield Finding(subject, "blocker", "none of this account", way_out)
        return
    name = found["Name"].removesuffix(".")
    if name != zone.name:
        yield Finding(subject, "blocker", f"is {name}, and domain.hosted_zone says {zone.name}", way_out)
    elif found.get("Config", {}).get("PrivateZone"):
        yield Finding(subject, "blocker", "private: ACM and viewers cannot read it", way_out)
    else:
        yield Finding(subject, "ok", name)


def _covers(certified: list[str], name: str) -> bool:
    """Return whether one of ``certified`` is ``name``, or a wildcard for its last label alone."""
    return name in certified or f"*.{name.partition('.')[2]}" in certified
