"""The layer with libvips, for the functions that draw."""

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.assets import Assets
from infra.constructs.functions import RUNTIME


def libvips_layer(scope: Construct, name: str, assets: Assets) -> lambda_.LayerVersion:
    """Make the layer ``name``; each stack has its own, so that none holds another back from a newer one."""
    return lambda_.LayerVersion(
        scope,
        "Libvips",
        layer_version_name=name,
        description="libvips and its Python binding",
        code=lambda_.Code.from_asset(str(assets.libvips_layer)),
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[lambda_.Architecture.ARM_64],
    )
