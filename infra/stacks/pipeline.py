"""What turns originals into derivatives: the lanes, and the generator for what they did not make."""

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.assets import Assets
from infra.constructs.functions import HandlerFunction, libvips_layer
from infra.constructs.lane.lane import Lane
from infra.names import Names
from infra.stacks.base import DarkroomStack
from lambdas.core.settings.lanes import SHARED_LANE


class PipelineStack(DarkroomStack):
    """The shared lane and the generator."""

    def __init__(self, scope: Construct, names: Names, assets: Assets) -> None:
        super().__init__(
            scope,
            "Pipeline",
            names=names,
            region=names.settings.regions.primary,
            description="Darkroom: the lane that tenants share, and the generator",
        )
        layer = libvips_layer(self, names.of("libvips"), assets)
        _publish_lane(self, Lane(self, SHARED_LANE, names=names, assets=assets, libvips_layer=layer))
        generator = self._generator(assets, layer)
        self.publish("generator-function", generator.function_name, "Function that draws what is missing")

    def _generator(self, assets: Assets, layer: lambda_.ILayerVersion) -> lambda_.Function:
        """Make the function that the edge invokes on a miss."""
        handler = HandlerFunction(
            Construct(self, "Generator"),
            "Generate",
            name="generate",
            names=self.names,
            assets=assets,
            libvips_layer=layer,
        )
        originals, derivatives = self.names.originals_arn, self.names.derivatives_arn
        any_image = "Any image of this stage may be requested; its id is random."
        handler.allow("PinOriginals", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [self.names.table_arn])
        handler.allow("ListBuckets", ["s3:ListBucket"], [originals, derivatives], any_image)
        handler.allow("ReadOriginals", ["s3:GetObject", "s3:GetObjectVersion"], [f"{originals}/*"], any_image)
        handler.allow(
            "Derivatives", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [f"{derivatives}/*"], any_image
        )
        return handler.function


class LaneStack(DarkroomStack):
    """The lane of one dedicated ``tenant``; a stack of its own, because a stack may have 500 resources."""

    def __init__(self, scope: Construct, names: Names, assets: Assets, tenant: str) -> None:
        super().__init__(
            scope,
            f"Lane-{tenant}",
            names=names,
            region=names.settings.regions.primary,
            description=f"Darkroom: the lane of the tenant {tenant}",
        )
        layer = libvips_layer(self, names.of(f"{tenant}-libvips"), assets)
        _publish_lane(self, Lane(self, tenant, names=names, assets=assets, libvips_layer=layer))


def _publish_lane(stack: DarkroomStack, lane: Lane) -> None:
    """Publish the names and addresses of the parts of ``lane``."""
    name = lane.name
    stack.publish(f"lane-{name}-queue-url", lane.queue.queue_url, f"Queue of the lane {name}")
    stack.publish(f"lane-{name}-dlq-url", lane.dead_letters.queue_url, f"Dead letters of the lane {name}")
    stack.publish(f"lane-{name}-failures-table", lane.failures.table_name, f"Why messages of the lane {name} failed")
    stack.publish(f"lane-{name}-state-machine-arn", lane.state_machine.arn, f"State machine of the lane {name}")
    stack.publish(f"lane-{name}-pipe", lane.pipe.name, f"Pipe of the lane {name}")
    for function, made in lane.functions.items():
        stack.publish(f"lane-{name}-{function}-function", made.function_name, f"Function {function} of the lane {name}")
