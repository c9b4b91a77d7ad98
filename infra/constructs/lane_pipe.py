"""A lane's pipe: one message of the queue, one execution of the state machine, whose answer it waits for."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_pipes as pipes
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.log_groups import log_group
from infra.names import Names


class LanePipe(Construct):
    """The pipe, its role and its log; ``name`` is its name in AWS."""

    def __init__(
        self, scope: Construct, construct_id: str, *, lane: str, queue: sqs.Queue, state_machine_arn: str, names: Names
    ) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("pipes.amazonaws.com"))
        carrying = iam.Policy(
            self,
            "Carry",
            statements=[
                iam.PolicyStatement(
                    actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                    resources=[queue.queue_arn],
                ),
                iam.PolicyStatement(actions=["states:StartSyncExecution"], resources=[state_machine_arn]),
            ],
        )
        carrying.attach_to_role(role)
        group = log_group(self, "Logs", f"/aws/vendedlogs/pipes/{names.of(lane)}", names.settings)
        pipe = pipes.CfnPipe(
            self,
            "Resource",
            name=names.of(lane),
            description=f"One message of the lane {lane}, one execution",
            role_arn=role.role_arn,
            source=queue.queue_arn,
            source_parameters=pipes.CfnPipe.PipeSourceParametersProperty(
                sqs_queue_parameters=pipes.CfnPipe.PipeSourceSqsQueueParametersProperty(
                    batch_size=names.settings.pipeline.batch_size
                )
            ),
            target=state_machine_arn,
            target_parameters=pipes.CfnPipe.PipeTargetParametersProperty(
                step_function_state_machine_parameters=pipes.CfnPipe.PipeTargetStateMachineParametersProperty(
                    invocation_type="REQUEST_RESPONSE"
                )
            ),
            log_configuration=pipes.CfnPipe.PipeLogConfigurationProperty(
                level="ERROR",
                cloudwatch_logs_log_destination=pipes.CfnPipe.CloudwatchLogsLogDestinationProperty(
                    log_group_arn=group.log_group_arn
                ),
            ),
        )
        pipe.node.add_dependency(carrying)  # a pipe is refused whose role may not yet read its source
        self.name = pipe.ref
