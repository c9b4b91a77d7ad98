"""Run ``python -m calibration``."""

from operations.calibration.command import app

if __name__ == "__main__":
    app(prog_name="python -m calibration")
