"""The upload API: an HTTP API before the handler that signs uploads."""

import json

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.assets import Assets
from infra.functions import HandlerFunction
from infra.log_groups import log_group
from infra.names import Names
from infra.stack import DarkroomStack

_ROUTES = (("/uploads", apigateway.HttpMethod.POST),)
_LOGGED = ("requestId", "httpMethod", "routeKey", "status", "responseLength", "integrationLatency", "identity.sourceIp")
_PREFLIGHT_HEADERS = ["authorization", "content-type"]


class UploadStack(DarkroomStack):
    """``POST /uploads`` and the function behind it."""

    def __init__(self, scope: Construct, names: Names, assets: Assets) -> None:
        super().__init__(
            scope,
            "Upload",
            names=names,
            region=names.settings.regions.primary,
            description="Darkroom: the upload API",
        )
        handler = HandlerFunction(self, "Upload", name="upload", names=names, assets=assets)
        # A presigned request may do what its signer may: put an original, and nothing else.
        handler.allow(
            "PutOriginals",
            ["s3:PutObject"],
            [f"{names.originals_arn}/*"],
            "An upload's key ends in a random id, made when the request is signed.",
        )
        api = self._api(handler)
        self._stage(api)
        self.publish("upload-api-url", api.api_endpoint, "Address of the upload API")

    def _api(self, handler: HandlerFunction) -> apigateway.HttpApi:
        api = apigateway.HttpApi(
            self,
            "Api",
            api_name=self.names.of("upload"),
            description="Hands out presigned uploads",
            create_default_stage=False,
            cors_preflight=apigateway.CorsPreflightOptions(
                allow_origins=list(self.settings.uploads.allowed_origins),
                allow_methods=[apigateway.CorsHttpMethod.POST],
                allow_headers=_PREFLIGHT_HEADERS,
            ),
        )
        integration = integrations.HttpLambdaIntegration("Handler", handler.function)
        for path, method in _ROUTES:
            for route in api.add_routes(path=path, methods=[method], integration=integration):
                acknowledge(
                    route,
                    "AwsSolutions-APIG4",
                    "Open: what it signs is good for one object of a stated size and type, for a known tenant, and"
                    " the stage's rate is capped. An authorizer belongs here before the API meets the internet.",
                )
        return api

    def _stage(self, api: apigateway.HttpApi) -> None:
        uploads = self.settings.uploads
        group = log_group(self, "AccessLog", f"/aws/vendedlogs/apigateway/{self.names.of('upload')}", self.settings)
        stage = apigateway.CfnStage(
            self,
            "Stage",
            api_id=api.api_id,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=group.log_group_arn,
                format=json.dumps({name.rpartition(".")[2]: f"$context.{name}" for name in _LOGGED}),
            ),
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=uploads.requests_per_second, throttling_burst_limit=uploads.burst_requests
            ),
        )
        stage.node.add_dependency(group)
