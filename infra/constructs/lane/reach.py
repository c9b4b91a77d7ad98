"""What the roles of a lane reach of the data that all lanes share: its tenants' originals, derivatives and rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from infra.names import Names
from lambdas.core.keys import id_prefixes
from lambdas.core.settings.lanes import SHARED_LANE
from lambdas.core.stores.derivatives import INSPECTED_FOLDER

Conditions = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reach:
    """Objects as resources; on which conditions the derivatives are listed, and rows read and written."""

    originals: list[str]
    derivatives: list[str]
    listed: Conditions
    rows: Conditions

    @classmethod
    def of(cls, lane: str, names: Names) -> Self:
        """Return the reach of ``lane``: a dedicated one's is its tenant's alone.

        The shared lane also gets keys outside of every folder, and a new tenant's before its lane is deployed.
        """
        if lane == SHARED_LANE:
            return cls([f"{names.originals_arn}/*"], [f"{names.derivatives_arn}/*"], None, None)
        ids = [f"{prefix}*" for prefix in id_prefixes(lane)]
        inspected = names.settings.inspection.function is not None
        keys = [*ids, *(f"{INSPECTED_FOLDER}{each}" for each in ids if inspected)]
        return cls(
            [f"{names.originals_arn}/{lane}/*"],
            [f"{names.derivatives_arn}/{key}" for key in keys],
            {"StringLike": {"s3:prefix": keys}},
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ids}},
        )
