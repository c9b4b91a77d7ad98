"""The generator: draws, on its first request, a variant that the pipeline did not make."""

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.assets import Assets
from infra.constructs.functions import HandlerFunction
from infra.names import Names


class Generator(Construct):
    """The function that the edge invokes on a miss."""

    def __init__(self, scope: Construct, *, names: Names, assets: Assets, libvips_layer: lambda_.ILayerVersion) -> None:
        super().__init__(scope, "Generator")
        handler = HandlerFunction(
            self, "Generate", name="generate", names=names, assets=assets, libvips_layer=libvips_layer
        )
        originals, derivatives = names.originals_arn, names.derivatives_arn
        any_picture = "Any picture of this stage may be asked for; its id is random."
        handler.allow("ReadOutcomes", ["dynamodb:GetItem"], [names.table_arn])
        handler.allow("ListBuckets", ["s3:ListBucket"], [originals, derivatives], any_picture)
        handler.allow("ReadOriginals", ["s3:GetObject", "s3:GetObjectVersion"], [f"{originals}/*"], any_picture)
        handler.allow("Derivatives", ["s3:GetObject", "s3:PutObject"], [f"{derivatives}/*"], any_picture)
        self.function = handler.function
