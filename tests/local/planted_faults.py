"""Faults of each kind that an audit knows, planted in the local stack."""

from dataclasses import dataclass

from lane import Lane, pictures

from infra.local.stack import LocalStack
from lambdas.core.keys import ImageId, new_image_id
from lambdas.core.takedown import VersionedObjects
from operations.audit.faults import Fault

TENANT = "demo"
LOST = "512x0.webp"


@dataclass(frozen=True)
class Planted:
    """The image of each fault; ``sound`` has none."""

    no_outcome: ImageId
    no_original: ImageId
    no_derivative: ImageId
    not_replicated: ImageId
    no_image: ImageId
    sound: ImageId

    @property
    def findings(self) -> list[tuple[Fault, ImageId]]:
        """What an audit is to find: the stray in both regions."""
        return sorted(
            [
                (Fault.NO_OUTCOME, self.no_outcome),
                (Fault.NO_ORIGINAL, self.no_original),
                (Fault.NO_DERIVATIVE, self.no_derivative),
                (Fault.NOT_REPLICATED, self.not_replicated),
                (Fault.NO_IMAGE, self.no_image),
                (Fault.NO_IMAGE, self.no_image),
            ]
        )


def plant(stack: LocalStack) -> Planted:
    """Upload five pictures, harm four of them, and put derivatives where there is no image."""
    settings, s3, replica = stack.settings, stack.client("s3"), stack.client("s3", stack.settings.regions.replica)
    derivatives, originals = stack.parameter("derivatives-bucket"), stack.parameter("originals-bucket")
    replica_name = settings.parameter_name("replica-bucket")
    replicas = str(stack.client("ssm", settings.regions.replica).get_parameter(Name=replica_name)["Parameter"]["Value"])
    lane = Lane(stack)
    put = pictures(5, TENANT, 64, 48)
    lane.put(put)
    lane.await_outcomes(put)
    no_outcome, no_original, no_derivative, not_replicated, sound = put
    stack.client("dynamodb").delete_item(
        TableName=stack.parameter("images-table"), Key={"image_id": {"S": no_outcome.image_id}}
    )
    for client, bucket in ((s3, derivatives), (replica, replicas)):
        VersionedObjects(client, bucket).erase_folder(f"{no_outcome.image_id}/")
    s3.delete_object(Bucket=originals, Key=no_original.key)
    s3.delete_object(Bucket=derivatives, Key=f"{no_derivative.image_id}/{LOST}")
    replica.delete_object(Bucket=replicas, Key=f"{not_replicated.image_id}/{LOST}")
    stray = new_image_id()
    s3.put_object(Bucket=derivatives, Key=f"{stray}/{LOST}", Body=b"nobody's")
    return Planted(
        no_outcome.image_id,
        no_original.image_id,
        no_derivative.image_id,
        not_replicated.image_id,
        stray,
        sound.image_id,
    )
