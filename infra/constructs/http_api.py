"""The HTTP API: one handler, and one authorizer for all but its description and browsers' preflights."""

import json

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.alarms.functions import api_alarm
from infra.constructs.acknowledgements import acknowledge
from infra.constructs.storage import log_group
from infra.names import Names

_DOCUMENT = "/openapi.json"
_LOGGED = (
    "requestId", "httpMethod", "path", "status", "responseLength", "integrationLatency", "identity.sourceIp",
    "authorizer.tenant",
)  # fmt: skip
_METHODS = tuple(apigateway.CorsHttpMethod[name] for name in ("GET", "POST", "PATCH", "DELETE"))


class AuthorizedApi(Construct):
    """An HTTP API that sends every request which ``authorizer`` accepts to ``handler``.

    The default route takes every method and path, so that unknown ones get the API's own error format too. Only
    the API's description and browsers' preflights need no token.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        names: Names,
        handler: lambda_.IFunction,
        authorizer: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, "HttpApi")
        self._names = names
        settings = names.settings
        integration = integrations.HttpLambdaIntegration("Handler", handler)
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=names.of("upload"),
            description="Hands out presigned uploads, and says what became of them",
            create_default_stage=False,
            cors_preflight=apigateway.CorsPreflightOptions(
                allow_origins=list(settings.uploads.allowed_origins),
                allow_methods=list(_METHODS),
                allow_headers=["authorization", "content-type"],
                expose_headers=["retry-after", "www-authenticate"],
                max_age=cdk.Duration.hours(1),
            ),
            default_integration=integration,
            default_authorizer=_lambda_authorizer(authorizer),
        )
        self._open(
            apigateway.HttpMethod.GET, _DOCUMENT, integration, "The API's description, which has no tenant's data."
        )
        # With an authorizer, $default would refuse preflights, which carry no token. API Gateway adds the CORS headers,
        # but only to an integration's response: "Configure CORS for HTTP APIs".
        self._open(
            apigateway.HttpMethod.OPTIONS, "/{proxy+}", integration, "Preflights carry no token; the answer is empty."
        )
        self._stage()
        api_alarm(self, self.api.api_id, names)

    @property
    def address(self) -> str:
        """The URL of the API."""
        return self.api.api_endpoint

    def _open(
        self, method: apigateway.HttpMethod, path: str, integration: apigateway.HttpRouteIntegration, reason: str
    ) -> None:
        for route in self.api.add_routes(
            path=path, methods=[method], integration=integration, authorizer=apigateway.HttpNoneAuthorizer()
        ):
            acknowledge(route, "AwsSolutions-APIG4", reason)

    def _stage(self) -> None:
        settings = self._names.settings
        group = log_group(self, "AccessLog", f"/aws/vendedlogs/apigateway/{self._names.of('upload')}", settings)
        stage = apigateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.api_id,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=group.log_group_arn,
                format=json.dumps({name.rpartition(".")[2]: f"$context.{name}" for name in _LOGGED}),
            ),
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=settings.uploads.requests_per_second,
                throttling_burst_limit=settings.uploads.burst_requests,
            ),
        )
        stage.node.add_dependency(group)


def _lambda_authorizer(function: lambda_.IFunction) -> authorizers.HttpLambdaAuthorizer:
    # Results are not cached, so that an expired token is rejected at once. Without an identity source, a request
    # without a token gets the API's own error format and not API Gateway's.
    return authorizers.HttpLambdaAuthorizer(
        "Authorizer",
        function,
        response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
        results_cache_ttl=cdk.Duration.seconds(0),
        identity_source=[],
    )
