"""The CloudFront Functions: what every viewer's request goes through, and every answer."""

from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from infra.alarms.delivery import viewer_function_alarms
from infra.constructs.log_groups import log_group
from infra.names import Names
from lambdas.edge.inline import viewer_request_source, viewer_response_source


class ViewerFunctions(Construct):
    """The functions, and the key-value store with the keys of image tokens."""

    def __init__(self, scope: Construct, construct_id: str, *, names: Names) -> None:
        super().__init__(scope, construct_id)
        # Filled from the secret by `darkroom rotate-keys`: no key stands in a template.
        self.keys = cloudfront.KeyValueStore(
            self,
            "ImageTokenKeys",
            key_value_store_name=names.of("image-token-keys"),
            comment="Keys of image tokens by their ids",
        )
        self._request = cloudfront.Function(
            self,
            "ViewerRequest",
            function_name=names.of("viewer-request"),
            comment="Normalises, negotiates, refuses",
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            key_value_store=self.keys,
            code=cloudfront.FunctionCode.from_inline(viewer_request_source(names.settings)),
        )
        self._private_response = cloudfront.Function(
            self,
            "PrivateResponse",
            function_name=names.of("private-response"),
            comment="Keeps private pictures out of shared caches",
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            code=cloudfront.FunctionCode.from_inline(viewer_response_source(names.settings, private=True)),
        )
        self._public_response = cloudfront.Function(
            self,
            "PublicResponse",
            function_name=names.of("public-response"),
            comment="Notes what the replica answered",
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            code=cloudfront.FunctionCode.from_inline(viewer_response_source(names.settings, private=False)),
        )
        functions = {
            "viewer-request": self._request,
            "private-response": self._private_response,
            "public-response": self._public_response,
        }
        for name, function in functions.items():
            viewer_function_alarms(function, names.of(name), names)
            # CloudFront would make it, and keep its lines for ever.
            log_group(function, "Logs", f"/aws/cloudfront/function/{names.of(name)}", names.settings)

    def associations(self, *, private: bool) -> list[cloudfront.FunctionAssociation]:
        """Return the functions of a behavior, for ``private`` pictures or for all others."""
        events = {
            cloudfront.FunctionEventType.VIEWER_REQUEST: self._request,
            cloudfront.FunctionEventType.VIEWER_RESPONSE: self._private_response if private else self._public_response,
        }
        return [cloudfront.FunctionAssociation(event_type=event, function=code) for event, code in events.items()]
