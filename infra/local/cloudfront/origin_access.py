"""Origin access control: whether a bucket's policy lets the distribution in.

The emulator's S3 has no service principals on the wire, so a fetch cannot be signed as CloudFront's. The
bucket's policy decides all the same: it is read at every fetch and put to the emulator's own evaluator for
the principal ``cloudfront.amazonaws.com`` with the distribution's ARN as ``aws:SourceArn``.
"""

from typing import Any

from botocore.exceptions import ClientError
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

_SERVICE = "cloudfront.amazonaws.com"


class OriginAccess:
    """Reads bucket policies for one distribution."""

    def __init__(self, s3: Any, distribution_arn: str) -> None:
        self._s3 = s3
        self._arn = distribution_arn

    def grants(self, bucket: str, key: str, region: str) -> tuple[bool, bool]:
        """Tell whether the policy of ``bucket`` grants reading ``key``, and whether it grants listing.

        Without the latter S3 says 403 of a missing key, so as not to tell that it is missing.
        """
        policy = self._policy(bucket)
        if policy is None:
            return False, False
        arn = f"arn:aws:s3:::{bucket}"
        read = self._allows(policy, "s3:GetObject", f"{arn}/{key}", region)
        return read, self._allows(policy, "s3:ListBucket", arn, region)

    def _policy(self, bucket: str) -> str | None:
        try:
            return str(self._s3.get_bucket_policy(Bucket=bucket)["Policy"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise

    def _allows(self, policy: str, action: str, resource: str, region: str) -> bool:
        context = EvalContext(
            principal_arn="*",
            principal_type="Service",
            principal_account="",
            action=action,
            resource_arn=resource,
            region=region,
            secure_transport=True,  # CloudFront speaks HTTPS to S3, whatever this machine does
            service_context={"aws:sourcearn": self._arn},
        )
        return bool(evaluate_resource_policy(policy, context, service=_SERVICE).decision == "Allow")
