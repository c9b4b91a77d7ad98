"""What to do about a question that Athena does not answer."""

import re

_WAYS_OUT = (
    (
        "bytes scanned limit",
        "ask about fewer days or one tenant, or raise [analytics] scan_limit_bytes of darkroom.toml",
    ),
    (
        "throttl|toomanyrequests|requestlimitexceeded|too many requests",
        "run it again later, or lower [analytics] concurrent_questions of darkroom.toml",
    ),
    ("accessdenied|not authorized|insufficient permissions", "let the role that runs flows query the workgroup"),
)


def with_way_out(reason: str) -> str:
    """Return Athena's ``reason`` with what to do about it, where that is known."""
    for pattern, way in _WAYS_OUT:
        if re.search(pattern, reason, re.IGNORECASE):
            return f"{reason.rstrip(' .')}: {way}"
    return reason
