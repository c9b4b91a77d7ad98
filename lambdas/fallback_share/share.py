"""The share of what the edge reads that the replica had to give."""


def fallback_share(primary: float, replica: float, judged_from: int) -> float | None:
    """Return the share, from 0 to 1; None where the replica gave too little for a share to say anything.

    The edge tries the primary bucket before the replica, every time. So the primary's count is of everything that
    was read, its refusals included, unless it was out of reach and counted nothing.

    Args:
        primary: reads that the primary bucket counted.
        replica: reads that the replica counted in the same time.
        judged_from: the fewest of the replica's that are judged, at least 1.
    """
    if replica < judged_from:
        return None
    return replica / max(primary, replica)
