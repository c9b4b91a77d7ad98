"""Originals, derivatives and the images table: what must outlive every other stack."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.names import Names
from infra.stack import DarkroomStack

_NO_ACCESS_LOG = (
    "Reads go through CloudFront, which logs them, and every write is a row of the images table;"
    " a server access log would cost another object for each."
)


class StorageStack(DarkroomStack):
    """The buckets of originals and derivatives, and the table with each picture's outcome."""

    def __init__(self, scope: Construct, names: Names) -> None:
        super().__init__(
            scope,
            "Storage",
            names=names,
            region=names.settings.regions.primary,
            description="Darkroom: originals, derivatives and the images table",
        )
        self.originals = self._bucket("Originals", names.originals_bucket)
        self._receive_uploads(self.originals)
        self.derivatives = self._bucket("Derivatives", names.derivatives_bucket)
        self._let_the_edge_read(self.derivatives)
        self._let_scripts_read(self.derivatives)
        self.images = self._images_table()
        self.publish("originals-bucket", self.originals.bucket_name, "Bucket of the uploaded bytes")
        self.publish("derivatives-bucket", self.derivatives.bucket_name, "Bucket that the edge serves from")
        self.publish("images-table", self.images.table_name, "Table with each picture's outcome")

    @property
    def _removal_policy(self) -> cdk.RemovalPolicy:
        return cdk.RemovalPolicy.RETAIN if self.settings.storage.protected else cdk.RemovalPolicy.DESTROY

    def _bucket(self, construct_id: str, name: str) -> s3.Bucket:
        storage = self.settings.storage
        bucket = s3.Bucket(
            self,
            construct_id,
            bucket_name=name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            removal_policy=self._removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="abandoned-uploads",
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(storage.abandoned_upload_days),
                ),
                s3.LifecycleRule(
                    id="noncurrent-versions",
                    noncurrent_version_expiration=cdk.Duration.days(storage.noncurrent_days),
                    expired_object_delete_marker=True,
                ),
            ],
        )
        acknowledge(bucket, "AwsSolutions-S1", _NO_ACCESS_LOG)
        return bucket

    def _receive_uploads(self, bucket: s3.Bucket) -> None:
        bucket.add_cors_rule(
            allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.PUT, s3.HttpMethods.GET],
            allowed_origins=list(self.settings.uploads.allowed_origins),
            allowed_headers=["*"],
            exposed_headers=["ETag"],  # a browser needs each part's to complete a multipart upload
            max_age=3600,
        )
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - what an L2 bucket is made of
        # The L2 property would bring a custom resource, and its function, for the same switch.
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        if self.settings.storage.object_lock:
            resource.object_lock_enabled = True
            resource.object_lock_configuration = s3.CfnBucket.ObjectLockConfigurationProperty(
                object_lock_enabled="Enabled",
                rule=s3.CfnBucket.ObjectLockRuleProperty(
                    default_retention=s3.CfnBucket.DefaultRetentionProperty(
                        mode="GOVERNANCE", days=self.settings.storage.object_lock_days
                    )
                ),
            )

    def _let_the_edge_read(self, bucket: s3.Bucket) -> None:
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EdgeReads",
                principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
                # Without s3:ListBucket a missing key is 403: a miss could not be told from a refusal.
                actions=["s3:GetObject", "s3:ListBucket"],
                resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
                # Any distribution of this account: the one that reads stands in another stack and region.
                conditions={
                    "ArnLike": {"AWS:SourceArn": f"arn:{cdk.Aws.PARTITION}:cloudfront::{self.account}:distribution/*"}
                },
            )
        )

    def _let_scripts_read(self, bucket: s3.Bucket) -> None:
        # The bucket says it, not the edge's response headers policy: see infra/edge_policies.py.
        bucket.add_cors_rule(
            allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.HEAD],
            allowed_origins=list(self.settings.delivery.cors_origins),
            exposed_headers=["Content-Length", "ETag"],
            max_age=86_400,
        )

    def _images_table(self) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            "Images",
            table_name=self.names.images_table,
            partition_key=dynamodb.Attribute(name="image_id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=self.settings.storage.protected,
            removal_policy=self._removal_policy,
        )
        table.add_global_secondary_index(
            index_name="by-tenant",
            partition_key=dynamodb.Attribute(name="tenant", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="uploaded_at", type=dynamodb.AttributeType.STRING),
        )
        return table
