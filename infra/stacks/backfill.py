"""Backfills: the function that draws, the role and the bucket of the S3 Batch Operations jobs that call it."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.assets import Assets
from infra.constructs.acknowledgements import acknowledge, acknowledge_resources
from infra.constructs.functions import HandlerFunction
from infra.constructs.libvips import libvips_layer
from infra.constructs.picture_bucket import removal_policy
from infra.names import Names
from infra.stacks.stack import DarkroomStack

MANIFESTS, REPORTS = "manifests", "reports"
"""Where in the bucket a job finds what to do, and writes what became of it."""


class BackfillStack(DarkroomStack):
    """In the primary region: a job works where its manifest, its report and its objects are."""

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
        # A job that runs calls the version that it was created with, whatever is deployed meanwhile.
        version.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
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
            reserved_concurrency=self.settings.backfill.reserved_concurrency or None,
        )
        originals, derivatives = names.originals_arn, names.derivatives_arn
        any_picture = "Any picture of this stage may be in a manifest; its id is random."
        handler.allow("MendOutcomes", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [names.table_arn])
        # s3:ListBucket makes what is missing a 404 rather than a 403.
        handler.allow("ListBuckets", ["s3:ListBucket"], [originals, derivatives], any_picture)
        handler.allow("ReadOriginals", ["s3:GetObject", "s3:GetObjectVersion"], [f"{originals}/*"], any_picture)
        handler.allow(
            "Derivatives", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [f"{derivatives}/*"], any_picture
        )
        return handler.function

    def _bucket(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Papers",
            bucket_name=self.names.backfill_bucket,
            encryption=s3.BucketEncryption.S3_MANAGED,  # a manifest under a KMS key is refused
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            removal_policy=removal_policy(self),
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expiry",
                    expiration=cdk.Duration.days(self.settings.backfill.paper_days),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
        )
        acknowledge(
            bucket,
            "AwsSolutions-S1",
            "Manifests and reports of a few jobs a month, read by the operator who started them; CloudTrail names"
            " who creates a job.",
        )
        return bucket

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
        acknowledge_resources(policy, [versions], "A job goes on with its version when a newer one is deployed.")
        acknowledge_resources(policy, [manifests, reports], "Each job has papers of its own below these folders.")
        return role
