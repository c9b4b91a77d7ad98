"""What AWS charges, read from ``prices.toml``: for estimates; the bill is AWS's."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Usd = Annotated[float, Field(ge=0)]

_MEMORY_MB_OF_A_VCPU = 1769  # "Configure Lambda function memory" of AWS's guide
_GIBIBYTE_MB = 1024


class Prices(BaseModel):
    """On-demand prices in USD, of the first tier where there are several. GB: 10**9 bytes, of memory 2**30."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read_on: date = Field(description="Day on which these prices were looked up.")
    lambda_gb_second: Usd = Field(description="Lambda on arm64, memory for a second.")
    lambda_million_requests: Usd
    edge_lambda_gb_second: Usd = Field(description="Lambda@Edge, memory for a second.")
    edge_lambda_million_requests: Usd
    edge_function_million_requests: Usd = Field(description="CloudFront Functions.")
    states_million_requests: Usd = Field(description="Step Functions Express, executions.")
    states_gb_second: Usd = Field(description="Step Functions Express, memory for a second.")
    events_million: Usd = Field(description="EventBridge.")
    pipes_million: Usd = Field(description="EventBridge Pipes.")
    queue_million_requests: Usd = Field(description="SQS.")
    table_million_writes: Usd = Field(description="DynamoDB on demand.")
    table_million_reads: Usd = Field(description="DynamoDB on demand.")
    stored_gb_month: Usd = Field(description="S3 Standard.")
    put_million: Usd = Field(description="S3 Standard, PUT and LIST.")
    get_million: Usd = Field(description="S3 Standard, GET.")
    batch_job: Usd = Field(description="S3 Batch Operations, a job.")
    batch_million_objects: Usd = Field(description="S3 Batch Operations, objects.")
    delivered_gb: Usd = Field(description="CloudFront to viewers, first 10 TB a month, North America and Europe.")
    delivery_million_requests: Usd = Field(description="CloudFront, HTTPS.")
    scanned_tb: Usd = Field(description="Athena, 10**12 bytes.")
    web_acl_month: Usd
    web_acl_rule_month: Usd
    web_acl_million_requests: Usd
    api_million_requests: Usd = Field(description="API Gateway, HTTP API.")
    replicated_gb: Usd = Field(description="Transfer from one region to another.")
    replication_time_gb: Usd = Field(description="S3 replication with time control, beside transfer.")
    transition_million: Usd = Field(description="S3, objects moved to Intelligent-Tiering by a lifecycle.")
    tiered_million_month: Usd = Field(description="S3 Intelligent-Tiering, objects watched for a month.")
    logged_gb: Usd = Field(description="CloudWatch Logs, taken in.")
    traced_million: Usd = Field(description="X-Ray, traces recorded.")
    alarm_month: Usd = Field(description="CloudWatch, an alarm on one metric.")
    dashboard_month: Usd = Field(description="CloudWatch.")
    key_month: Usd = Field(description="KMS, a key of one's own.")
    metric_month: Usd = Field(description="CloudWatch, a metric beyond those of AWS's services.")

    @property
    def vcpu_second(self) -> float:
        """Price of one vCPU of Lambda for a second, which is that of the memory it comes with."""
        return self.lambda_gb_second * _MEMORY_MB_OF_A_VCPU / _GIBIBYTE_MB


PRICES = Prices.model_validate(tomllib.loads(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8")))
