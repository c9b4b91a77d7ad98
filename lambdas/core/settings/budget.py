"""What a month may cost before somebody is told."""

from typing import Annotated

from pydantic import Field

from lambdas.core.settings.table import Table


class Budget(Table):
    """An AWS budget of all that carries this stage's tags; they have to be activated as cost allocation tags."""

    monthly_usd: float = Field(gt=0, description="The sum that the percentages are of.")
    notify_percent: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(
        min_length=1,
        max_length=5,
        description="Shares of the sum, spent or forecast, at which the alarms' readers hear.",
    )
