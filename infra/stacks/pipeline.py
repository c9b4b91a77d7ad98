"""What turns originals into derivatives: the lanes and the generator."""

from constructs import Construct

from infra.assets import Assets
from infra.constructs.generator import Generator
from infra.constructs.lane import Lane
from infra.constructs.libvips import libvips_layer
from infra.names import Names
from infra.stacks.stack import DarkroomStack
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
        publish_lane(self, Lane(self, SHARED_LANE, names=names, assets=assets, libvips_layer=layer))
        generator = Generator(self, names=names, assets=assets, libvips_layer=layer)
        self.publish("generator-function", generator.function.function_name, "Function that draws what is missing")


class LaneStack(DarkroomStack):
    """The lane of one dedicated ``tenant``; apart, for a lane is a tenth of the 500 resources a stack may have."""

    def __init__(self, scope: Construct, names: Names, assets: Assets, tenant: str) -> None:
        super().__init__(
            scope,
            f"Lane-{tenant}",
            names=names,
            region=names.settings.regions.primary,
            description=f"Darkroom: the lane of the tenant {tenant}",
        )
        layer = libvips_layer(self, names.of(f"{tenant}-libvips"), assets)
        publish_lane(self, Lane(self, tenant, names=names, assets=assets, libvips_layer=layer))


def publish_lane(stack: DarkroomStack, lane: Lane) -> None:
    """Write where the parts of ``lane`` are found."""
    name = lane.name
    stack.publish(f"lane-{name}-queue-url", lane.queue.queue_url, f"Queue of the lane {name}")
    stack.publish(f"lane-{name}-dlq-url", lane.dead_letters.queue_url, f"Dead letters of the lane {name}")
    stack.publish(f"lane-{name}-failures-table", lane.failures.table_name, f"Why messages of the lane {name} failed")
    stack.publish(f"lane-{name}-state-machine-arn", lane.state_machine.arn, f"State machine of the lane {name}")
    stack.publish(f"lane-{name}-pipe", lane.pipe.name, f"Pipe of the lane {name}")
    for function, made in lane.functions.items():
        stack.publish(f"lane-{name}-{function}-function", made.function_name, f"Function {function} of the lane {name}")
