"""JupyterLab on the notebooks, in the environment of the local stack: ``python -m infra.local.jupyterlab``."""

import json
import os
from pathlib import Path

from infra.local.endpoint import HOST
from infra.local.guard import TOKEN_VARIABLE
from infra.local.state import CHECKOUT, HOME_VARIABLE

_PORT_VARIABLE = "DARKROOM_LAB_PORT"


def main() -> None:
    """Serve until stopped."""
    # Its own folders: no user's configuration is read, and nothing is left behind.
    home = f"{os.environ[HOME_VARIABLE]}/jupyter"
    os.environ |= {
        "JUPYTER_CONFIG_DIR": f"{home}/config",
        "JUPYTER_DATA_DIR": f"{home}/data",
        "JUPYTER_RUNTIME_DIR": f"{home}/runtime",
        "JUPYTERLAB_SETTINGS_DIR": f"{home}/settings",
        "JUPYTERLAB_WORKSPACES_DIR": f"{home}/workspaces",
        "IPYTHONDIR": f"{home}/ipython",
        "JUPYTER_TOKEN": os.environ[TOKEN_VARIABLE],
    }
    _disable_prompts(Path(home) / "settings")
    # Imported late: it reads the folders when it is imported.
    from jupyterlab.labapp import main as serve

    serve(
        [
            f"--ServerApp.ip={HOST}",
            f"--ServerApp.port={os.environ[_PORT_VARIABLE]}",
            "--ServerApp.port_retries=0",
            "--ServerApp.open_browser=False",
            f"--ServerApp.root_dir={CHECKOUT / 'notebooks'}",
            "--ServerApp.allow_root=True",  # on loopback, with a token, as the user who started the stack
        ]
    )


def _disable_prompts(settings: Path) -> None:
    """Turn off the prompt for news and the check for updates."""
    folder = settings / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {"fetchNews": "false", "checkForUpdates": False}
    (folder / "notification.jupyterlab-settings").write_text(json.dumps(chosen), encoding="utf-8")


if __name__ == "__main__":
    main()
