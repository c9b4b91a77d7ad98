"""Backfills: the drawing function, and the role and bucket of the S3 Batch Operations jobs that invoke it."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.assets import Assets
from infra.constructs.acknowledgements import acknowledge_wildcards
from infra.constructs.functions import HandlerFunction, libvips_layer
from infra.constructs.storage import KEPT, expiring_bucket
from infra.names import Names
from infra.stacks.base import DarkroomStack

MANIFESTS, REPORTS = "manifests", "reports"
"""Folders of the bucket: what jobs read, and what they write."""


class BackfillStack(DarkroomStack):
    """In the primary region: a job runs where its manifest, report and objects are."""

    def __init__(self, scope: Construct, names: Names, assets: Assets) -> None:
        super().__init__(
            scope,
            "Backfill",
            names=names,
            region=names.settings.regions.primary,
            description="Darkroom: derivatives of pictures that were uploaded before, by S3 Batch Operations",
        )
        function = self._function(libvips_layer(self, names.of("backfill-libvips"), assets), assets)
        version = function.current_version
        # A running job invokes the version that it was created with, also after a deployment.
        version.apply_removal_policy(KEPT)
        bucket = self._bucket()
        role = self._role()
        self.publish("backfill-function-arn", version.function_arn, "Version of the function that backfills call")
        self.publish("backfill-role-arn", role.role_arn, "Role of the jobs of S3 Batch Operations")
        self.publish("backfill-bucket", bucket.bucket_name, "Bucket of the jobs' manifests and reports")

    def _function(self, layer: lambda_.ILayerVersion, assets: Assets) -> lambda_.Function:
        names = self.names
        handler = HandlerFunction(
            self,
            "Backfill",
            name="backfill",
            names=names,
            assets=assets,
            libvips_layer=layer,
        )
        originals, derivatives = names.originals_arn, names.derivatives_arn
        any_image = "Any image of this stage may be in a manifest; its id is random."
        handler.allow("MendOutcomes", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [names.table_arn])
        # s3:ListBucket makes a missing object a 404 rather than a 403.
        handler.allow("ListBuckets", ["s3:ListBucket"], [originals, derivatives], any_image)
        handler.allow("ReadOriginals", ["s3:GetObject", "s3:GetObjectVersion"], [f"{originals}/*"], any_image)
        handler.allow(
            "Derivatives", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [f"{derivatives}/*"], any_image
        )
        return handler.function

    def _bucket(self) -> s3.Bucket:
        return expiring_bucket(
            self,
            "Papers",
            self.names.backfill_bucket,
            self.settings,
            days=self.settings.backfill.paper_days,
            no_access_log="Manifests and reports of a few jobs a month, read by the operator who started them;"
            " CloudTrail logs who creates a job.",
        )

    def _role(self) -> iam.Role:
        """Make the role of the jobs; see "Granting permissions for Batch Operations" of the S3 guide."""
        role = iam.Role(
            self,
            "Jobs",
            role_name=self.names.of("backfill-jobs"),
            assumed_by=iam.ServicePrincipal(
                "batchoperations.s3.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
        )
        versions = f"{self.names.function_arn('backfill')}:*"
        manifests, reports = (f"arn:aws:s3:::{self.names.backfill_bucket}/{each}/*" for each in (MANIFESTS, REPORTS))
        policy = iam.Policy(
            self,
            "JobsPolicy",
            statements=[
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[versions]),
                iam.PolicyStatement(actions=["s3:GetObject", "s3:GetObjectVersion"], resources=[manifests]),
                iam.PolicyStatement(actions=["s3:PutObject"], resources=[reports]),
            ],
        )
        policy.attach_to_role(role)
        acknowledge_wildcards(policy, [versions], "A running job keeps its version when a newer one is deployed.")
        acknowledge_wildcards(policy, [manifests, reports], "Each job has its manifest and report in these folders.")
        return role
