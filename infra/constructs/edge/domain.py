"""A custom domain for the distribution: its certificate and its DNS records."""

from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from lambdas.core.settings.delivery import Domain, TlsPolicy

_TLS_POLICIES: dict[TlsPolicy, cloudfront.SecurityPolicyProtocol] = {
    "TLSv1.2_2021": cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
    "TLSv1.2_2025": cloudfront.SecurityPolicyProtocol.TLS_V1_2_2025,
    "TLSv1.3_2025": cloudfront.SecurityPolicyProtocol.TLS_V1_3_2025,
}


class EdgeDomain(Construct):
    """The domain names and their certificate, existing or new; in us-east-1, where CloudFront's must be."""

    def __init__(self, scope: Construct, construct_id: str, settings: Domain) -> None:
        super().__init__(scope, construct_id)
        self.names = list(settings.names)
        zone = settings.hosted_zone
        self._zone: route53.IHostedZone | None = None
        if zone is not None:
            self._zone = route53.HostedZone.from_hosted_zone_attributes(
                self, "Zone", hosted_zone_id=zone.id, zone_name=zone.name
            )
        self.minimum_tls = _TLS_POLICIES[settings.minimum_tls]
        self.certificate: acm.ICertificate = (
            acm.Certificate.from_certificate_arn(self, "Certificate", settings.certificate_arn)
            if settings.certificate_arn
            else acm.Certificate(
                self,
                "Certificate",
                domain_name=self.names[0],
                subject_alternative_names=self.names[1:] or None,
                validation=acm.CertificateValidation.from_dns(self._zone),
            )
        )

    @property
    def address(self) -> str:
        """The URL that pictures are served from."""
        return f"https://{self.names[0]}"

    def point_to(self, distribution: cloudfront.Distribution) -> None:
        """Add alias records to the hosted zone, if the settings name one."""
        if self._zone is None:
            return
        target = route53.RecordTarget.from_alias(targets.CloudFrontTarget(distribution))
        for name in self.names:
            whole = f"{name}."  # fully qualified: the zone's name is not appended
            route53.ARecord(self, f"A-{name}", zone=self._zone, record_name=whole, target=target)
            route53.AaaaRecord(self, f"AAAA-{name}", zone=self._zone, record_name=whole, target=target)
