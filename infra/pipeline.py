"""What turns originals into derivatives: the libvips layer, the lanes and the generator."""

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.assets import Assets
from infra.functions import RUNTIME
from infra.generator import Generator
from infra.lane import Lane
from infra.names import Names
from infra.stack import DarkroomStack


class PipelineStack(DarkroomStack):
    """Every lane of the settings, and the generator, over one libvips layer."""

    def __init__(self, scope: Construct, names: Names, assets: Assets) -> None:
        super().__init__(
            scope,
            "Pipeline",
            names=names,
            region=names.settings.regions.primary,
            description="Darkroom: lanes that turn originals into derivatives, and the generator",
        )
        layer = lambda_.LayerVersion(
            self,
            "Libvips",
            layer_version_name=names.of("libvips"),
            description="libvips and its Python binding",
            code=lambda_.Code.from_asset(str(assets.libvips_layer)),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[lambda_.Architecture.ARM_64],
        )
        for lane in self.settings.lanes:
            self._publish_lane(lane, Lane(self, lane, names=names, assets=assets, libvips_layer=layer))
        generator = Generator(self, names=names, assets=assets, libvips_layer=layer)
        self.publish("generator-function", generator.function.function_name, "Function that draws what is missing")

    def _publish_lane(self, name: str, lane: Lane) -> None:
        self.publish(f"lane-{name}-queue-url", lane.queue.queue_url, f"Queue of the lane {name}")
        self.publish(f"lane-{name}-dlq-url", lane.dead_letters.queue_url, f"Dead letters of the lane {name}")
        self.publish(f"lane-{name}-state-machine-arn", lane.state_machine.arn, f"State machine of the lane {name}")
        self.publish(f"lane-{name}-pipe", lane.pipe.name, f"Pipe of the lane {name}")
