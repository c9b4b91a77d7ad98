"""Originals, derivatives and the images table: the data that outlives every other stack."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.replica import replicate
from infra.constructs.storage import allow_edge_reads, picture_bucket, table
from infra.names import Names
from infra.stacks.base import DarkroomStack

_CLASSES = {
    "intelligent_tiering": s3.StorageClass.INTELLIGENT_TIERING,
    "infrequent_access": s3.StorageClass.INFREQUENT_ACCESS,
}


class StorageStack(DarkroomStack):
    """The buckets of originals and derivatives, and the images table."""

    def __init__(self, scope: Construct, names: Names) -> None:
        super().__init__(
            scope,
            "Storage",
            names=names,
            region=names.settings.regions.primary,
            description="Darkroom: originals, derivatives and the images table",
        )
        self.originals = picture_bucket(self, "Originals", names.originals_bucket, self.settings)
        self._allow_uploads(self.originals)
        self._refuse_overwrites(self.originals)
        self._tier_originals(self.originals)
        self.derivatives = picture_bucket(
            self, "Derivatives", names.derivatives_bucket, self.settings, request_metrics=True
        )
        allow_edge_reads(self.derivatives, self.settings)
        replicate(self, self.derivatives, names)
        self.images = self._images_table()
        self.publish("originals-bucket", self.originals.bucket_name, "Bucket of the uploaded bytes")
        self.publish("derivatives-bucket", self.derivatives.bucket_name, "Bucket that the edge serves from")
        self.publish("images-table", self.images.table_name, "Table with each picture's state and outcome")

    def _allow_uploads(self, bucket: s3.Bucket) -> None:
        forms = [s3.HttpMethods.POST] if self.settings.uploads.forms else []
        bucket.add_cors_rule(
            allowed_methods=[*forms, s3.HttpMethods.PUT, s3.HttpMethods.GET],
            allowed_origins=list(self.settings.uploads.allowed_origins),
            allowed_headers=["*"],
            exposed_headers=["ETag"],  # a browser needs the ETag of each part to complete a multipart upload
            max_age=3600,
        )
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - what an L2 bucket is made of
        # The L2 property would add a custom resource with a function for the same switch.
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

    def _refuse_overwrites(self, bucket: s3.Bucket) -> None:
        """Deny every write without ``If-None-Match``: an original that is there cannot be overwritten.

        As in "Enforce conditional writes on Amazon S3 buckets"; a multipart upload's beginning and its parts create
        no object and are exempt. A form can carry no condition: it is exempt where ``uploads.forms`` is set
        (``s3:authType``, "Signature Version 4 Authentication Specific Policy Keys") and denied elsewhere.
        """
        is_form = {"s3:authType": "POST"}
        conditions = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
        if self.settings.uploads.forms:
            self._deny_writes(bucket, "RefuseOverwrites", {**conditions, "StringNotEquals": is_form})
        else:
            self._deny_writes(bucket, "RefuseOverwrites", conditions)
            self._deny_writes(bucket, "RefuseForms", {"StringEquals": is_form})

    def _deny_writes(self, bucket: s3.Bucket, sid: str, conditions: dict[str, dict[str, str]]) -> None:
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects("*")],
                conditions=conditions,
            )
        )

    def _tier_originals(self, bucket: s3.Bucket) -> None:
        storage = self.settings.storage
        if storage.originals_class != "standard":
            bucket.add_lifecycle_rule(
                id="old-originals",
                transitions=[
                    s3.Transition(
                        storage_class=_CLASSES[storage.originals_class],
                        transition_after=cdk.Duration.days(storage.originals_class_days),
                    )
                ],
            )

    def _images_table(self) -> dynamodb.Table:
        images = table(
            self, "Images", name=self.names.images_table, key="image_id", settings=self.settings, expires="expires_at"
        )
        images.add_global_secondary_index(
            index_name="by-tenant",
            partition_key=dynamodb.Attribute(name="tenant", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="uploaded_at", type=dynamodb.AttributeType.STRING),
        )
        return images
