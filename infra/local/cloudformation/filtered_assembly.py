"""A copy of an assembly that the CDK's own command can deploy to the emulator: only its templates differ."""

import json
from pathlib import Path

from infra.local.cloudformation.template_filter import Stripped, filter_template

_TEMPLATE_SUFFIX = ".template.json"


def write_filtered_assembly(assembly: Path, outdir: Path) -> list[Stripped]:
    """Write the ``assembly`` into ``outdir``, its templates filtered and all else as links, and return what was cut.

    Raises:
        FilterError: a resource that stays refers to one that is stripped.
        FileExistsError: ``outdir`` exists.
    """
    outdir.mkdir(parents=True)
    stripped = []
    for path in sorted(assembly.iterdir()):
        if path.name.endswith(_TEMPLATE_SUFFIX):
            template, taken = filter_template(json.loads(path.read_text(encoding="utf-8")))
            (outdir / path.name).write_text(json.dumps(template), encoding="utf-8")
            stripped += taken
        else:
            (outdir / path.name).symlink_to(path.resolve())
    return stripped
