"""The edge's code: the CloudFront Functions of every request and response, and Lambda@Edge on a miss."""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.alarms.delivery import viewer_function_alarms
from infra.assets import Assets
from infra.constructs.acknowledgements import acknowledge, acknowledge_wildcards
from infra.constructs.functions import RUNTIME
from infra.constructs.storage import KEPT, log_group
from infra.names import Names
from lambdas.edge.inline import viewer_request_source, viewer_response_source


class ViewerFunctions(Construct):
    """The CloudFront Functions, and the key-value store with the keys of image tokens."""

    def __init__(self, scope: Construct, construct_id: str, *, names: Names) -> None:
        super().__init__(scope, construct_id)
        # Filled from the table by `darkroom rotate-keys publish`: no key is in a template.
        self.keys = cloudfront.KeyValueStore(
            self,
            "ImageTokenKeys",
            key_value_store_name=names.of("image-token-keys"),
            comment="Keys of image tokens by their ids",
        )
        self._request = self._function(
            "ViewerRequest",
            "viewer-request",
            "Normalises, negotiates, refuses",
            viewer_request_source(names.settings),
            names,
            self.keys,
        )
        self._private_response = self._function(
            "PrivateResponse",
            "private-response",
            "Keeps private pictures out of shared caches",
            viewer_response_source(names.settings, private=True),
            names,
        )
        self._public_response = self._function(
            "PublicResponse",
            "public-response",
            "Notes what the replica answered",
            viewer_response_source(names.settings, private=False),
            names,
        )

    def _function(
        self,
        construct_id: str,
        thing: str,
        comment: str,
        source: str,
        names: Names,
        keys: cloudfront.KeyValueStore | None = None,
    ) -> cloudfront.Function:
        name = names.of(thing)
        function = cloudfront.Function(
            self,
            construct_id,
            function_name=name,
            comment=comment,
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            key_value_store=keys,
            code=cloudfront.FunctionCode.from_inline(source),
        )
        viewer_function_alarms(function, name, names)
        log_group(function, "Logs", f"/aws/cloudfront/function/{name}", names.settings)
        return function

    def associations(self, *, private: bool) -> list[cloudfront.FunctionAssociation]:
        """Return the functions of the behavior for ``private`` pictures, or for all others."""
        events = {
            cloudfront.FunctionEventType.VIEWER_REQUEST: self._request,
            cloudfront.FunctionEventType.VIEWER_RESPONSE: self._private_response if private else self._public_response,
        }
        return [cloudfront.FunctionAssociation(event_type=event, function=code) for event, code in events.items()]


class OriginRequestFunction(Construct):
    """``lambdas/edge/origin_request.py``: has a missing derivative drawn before S3 is asked for it.

    x86 and a numbered version, without layers, environment or tracing: "Restrictions on Lambda@Edge" of the
    CloudFront guide.
    """

    def __init__(self, scope: Construct, construct_id: str, *, names: Names, assets: Assets) -> None:
        super().__init__(scope, construct_id)
        size = names.settings.functions["origin_request"]
        group = log_group(self, "Logs", names.edge_log_group, names.settings)
        function = lambda_.Function(
            self,
            "Function",
            function_name=names.function("origin_request"),
            description="Has a missing derivative made before S3 is asked for it",
            runtime=RUNTIME,
            architecture=lambda_.Architecture.X86_64,
            handler="origin_request.handler",
            code=lambda_.Code.from_asset(str(assets.origin_request)),
            memory_size=size.memory_mb,
            timeout=cdk.Duration.seconds(size.timeout_seconds),
            role=self._role(names).without_policy_updates(),
            log_group=group,
        )
        acknowledge(
            function, "AwsSolutions-L1", "The same Python as every other function; see infra/constructs/functions.py."
        )
        # CloudFront's replicas of a version outlive the distribution by hours, in which neither it nor the function can
        # be deleted: their stack would be stuck. `darkroom remove-edge-function` deletes both.
        function.apply_removal_policy(KEPT)
        self.version = function.current_version
        self.version.apply_removal_policy(KEPT)

    def _role(self, names: Names) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.CompositePrincipal(
                iam.ServicePrincipal("lambda.amazonaws.com"), iam.ServicePrincipal("edgelambda.amazonaws.com")
            ),
        )
        # It logs in the region where it runs, if the group exists there: see infra/stacks/edge_log.py.
        group = f"arn:aws:logs:*:{names.account}:log-group:{names.edge_log_group}"
        logs = [group, f"{group}:*"]
        buckets = [names.derivatives_arn, names.replica_arn]
        derivatives = [f"{bucket}/*" for bucket in buckets]
        policy = iam.Policy(
            self,
            "Policy",
            statements=[
                iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=logs),
                iam.PolicyStatement(actions=["s3:GetObject"], resources=derivatives),
                iam.PolicyStatement(actions=["s3:ListBucket"], resources=buckets),
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[names.function_arn("generate")]),
            ],
        )
        policy.attach_to_role(role)
        acknowledge_wildcards(policy, logs, "It runs and logs in every region with a regional edge cache.")
        acknowledge_wildcards(policy, derivatives, "A derivative's key begins with the image id, which is random.")
        return role
