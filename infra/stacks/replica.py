"""The replica of the derivatives, in the second region, and the alarm that tells when the edge lives on it."""

from constructs import Construct

from infra.alarms.fallback import FallbackAlarm
from infra.alarms.replication import progress_alarms
from infra.assets import Assets
from infra.constructs.picture_bucket import let_the_edge_serve, picture_bucket
from infra.names import Names
from infra.stacks.stack import DarkroomStack


class ReplicaStack(DarkroomStack):
    """The bucket that CloudFront falls back to."""

    def __init__(self, scope: Construct, names: Names, assets: Assets) -> None:
        super().__init__(
            scope,
            "Replica",
            names=names,
            region=names.settings.regions.replica,
            description="Darkroom: the copy of the derivatives that the edge falls back to",
        )
        bucket = picture_bucket(self, "Derivatives", names.replica_bucket, counted=True)
        let_the_edge_serve(self, bucket)
        self.publish("replica-bucket", bucket.bucket_name, "Bucket that the edge falls back to")
        FallbackAlarm(self, "Fallback", names=names, assets=assets)
        progress_alarms(self, names)
