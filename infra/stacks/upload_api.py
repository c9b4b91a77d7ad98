"""The upload API: an HTTP API, its authorizer, its handler, their keys, and the end of takedowns."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.assets import Assets
from infra.constructs.functions import RUNTIME, HandlerFunction
from infra.constructs.http_api import AuthorizedApi
from infra.constructs.storage import signing_keys_encryption_key, signing_keys_table
from infra.constructs.sweep import Sweep
from infra.names import Names
from infra.stacks.base import DarkroomStack
from lambdas.core.settings import EDGE_REGION

_TENANT_KEYS = "tenant-keys"
_IMAGE_TOKEN_KEYS = "image-token-keys"  # noqa: S105  # a name
_ANY_UPLOAD = "An upload's key ends in a random id, made when the request is signed."


class UploadStack(DarkroomStack):
    """The HTTP API, its two functions, and their data."""

    def __init__(self, scope: Construct, names: Names, assets: Assets) -> None:
        super().__init__(
            scope,
            "Upload",
            names=names,
            region=names.settings.regions.primary,
            description="Darkroom: the upload API",
        )
        encryption_key = signing_keys_encryption_key(self, "SigningKeys", names)
        # Two tables, so that neither function can read the other's keys.
        tenant_keys, image_token_keys = (
            signing_keys_table(
                self, construct_id, name=names.of(name), settings=names.settings, encryption_key=encryption_key
            )
            for construct_id, name in (("TenantKeys", _TENANT_KEYS), ("ImageTokenKeys", _IMAGE_TOKEN_KEYS))
        )
        sweep = Sweep(self, names=names, assets=assets)
        authorizer = self._authorizer(assets, tenant_keys)
        handler = HandlerFunction(
            self,
            "Upload",
            name="upload_api",
            names=names,
            assets=assets,
            variables={
                **sweep.variables,
                "IMAGE_TOKEN_KEYS_TABLE": names.of(_IMAGE_TOKEN_KEYS),
            },
        )
        self._allow_uploads(handler)
        sweep.allow_takedowns(handler)
        self._allow_lookups(handler)
        self._allow_keys(handler, image_token_keys)
        api = AuthorizedApi(self, names=names, handler=handler.function, authorizer=authorizer.function)
        self.publish("upload-api-url", api.address, "Address of the upload API")
        self.publish("sweep-queue-url", sweep.queue.queue_url, "Queue that ends takedowns")
        self.publish("tenant-keys-table", tenant_keys.table_name, "Table of the keys that tenants sign tokens with")
        self.publish("image-token-keys-table", image_token_keys.table_name, "Table of the keys of image tokens")

    def _authorizer(self, assets: Assets, tenant_keys: dynamodb.Table) -> HandlerFunction:
        layer = lambda_.LayerVersion(
            self,
            "Signatures",
            layer_version_name=self.names.of("signatures"),
            description="What checks RS256 and ES256",
            code=lambda_.Code.from_asset(str(assets.signatures_layer)),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[lambda_.Architecture.ARM_64],
        )
        authorizer = HandlerFunction(
            self,
            "Authorize",
            name="authorize",
            names=self.names,
            assets=assets,
            signatures_layer=layer,
            variables={"TENANT_KEYS_TABLE": self.names.of(_TENANT_KEYS)},
        )
        self._allow_keys(authorizer, tenant_keys)
        return authorizer

    def _allow_uploads(self, handler: HandlerFunction) -> None:
        originals = self.names.originals_arn
        # A presigned request has the permissions of its signer, for the signed operation alone.
        handler.allow(
            "Originals",
            ["s3:PutObject", "s3:ListMultipartUploadParts", "s3:GetObject"],
            [f"{originals}/*"],
            _ANY_UPLOAD,
        )
        # Without it, an original that has not arrived is a 403, which looks like a refusal.
        handler.allow("FindOriginals", ["s3:ListBucket"], [originals])

    def _allow_keys(self, handler: HandlerFunction, keys: dynamodb.Table) -> None:
        handler.allow("ReadKeys", ["dynamodb:GetItem"], [keys.table_arn])
        assert keys.encryption_key  # noqa: S101 - as signing_keys_table makes it
        by_dynamodb = {"StringEquals": {"kms:ViaService": f"dynamodb.{self.region}.amazonaws.com"}}
        # What the CDK's grant_read_data allows.
        reading = ["kms:Decrypt", "kms:DescribeKey"]
        handler.allow("DecryptKeys", reading, [keys.encryption_key.key_arn], conditions=by_dynamodb)

    def _allow_lookups(self, handler: HandlerFunction) -> None:
        handler.allow("ListImages", ["dynamodb:Query"], [f"{self.names.table_arn}/index/by-tenant"])
        handler.allow("ReadAddress", ["ssm:GetParameter"], [self.names.parameter_arn("delivery-url", EDGE_REGION)])
