"""CloudFormation on one machine: deploys a synthesized assembly to the emulator."""
