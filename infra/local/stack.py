"""The local stack: started in order, found again by its state folder, ended as a whole."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from infra.local.cloudformation.deploy import Deployer, Deployment, deploy_assembly
from infra.local.emulator.server import await_emulator, start_emulator
from infra.local.endpoint import ACCOUNT, HOST, Endpoint
from infra.local.errors import LocalStackError
from infra.local.guard import TOKEN_HEADER
from infra.local.parts import FLOWS, LAB, PARTS, PREFECT, SUPERVISOR, Part, await_part, part_environment, start_part
from infra.local.ports import choose_ports
from infra.local.prefect import auth_string, await_deployments, await_server, prefect_environment
from infra.local.processes import find_marked, find_process, stop_processes, stop_stack_processes
from infra.local.state import CHECKOUT, Ports, ProcessRecord, StackState, StateFolder, default_home
from infra.local.worker import make_users, with_profile
from lambdas.core.settings import EDGE_REGION, Settings, default_stage, load_settings
from operations.keys.keyring import Keyring, make_missing_keys
from operations.tuning.lanes import deployed_lanes, reserve_new
from operations.tuning.reservations import ControlPlane

ASSEMBLY = CHECKOUT / "build" / "synth" / "host"
_BESIDE = {part.name: part for part in (PREFECT, FLOWS, LAB)}
_BY_NAME = {part.name: part for part in (*PARTS, SUPERVISOR)} | _BESIDE

# Short: everything is in the emulator's memory and ends with it.
_END_SECONDS = 2.0

Announce = Callable[[str], None]


class AlreadyRunningError(LocalStackError):
    """A stack runs in this state folder; the message says at which addresses, and how to end it."""


class NotRunningError(LocalStackError):
    """No whole stack runs in this state folder; the message says how to start one."""


class LocalStack:
    """A running local stack. Made by :meth:`start`, or by :meth:`attach` for one that runs already."""

    def __init__(self, folder: StateFolder, state: StackState):
        self.folder = folder
        self.state = state
        self.settings: Settings = load_settings(stage=state.stage)
        self.keys = folder.keys()
        region = self.settings.regions.primary
        self.endpoint = Endpoint(state.ports.emulator, region, self.keys.access_key, self.keys.secret_key)
        self.deployment: Deployment | None = None

    @classmethod
    def start(
        cls,
        ports: Ports | None = None,
        home: Path | None = None,
        *,
        assembly: Path | None = None,
        deploy: Deployer = deploy_assembly,
        beside: Collection[Part] = (),
        announce: Announce = lambda _step: None,
    ) -> Self:
        """Start every process and deploy every stack; on any failure, end what was started and remove the folder.

        Args:
            ports: where to listen; the usual ports if None.
            home: the state folder; ``DARKROOM_HOME`` or ``.darkroom`` if None.
            assembly: a synthesized assembly; synthesized for this machine if None.
            deploy: deploys the assembly to the emulator.
            beside: what runs beside it: PREFECT, FLOWS (which reports to PREFECT), LAB.
            announce: called with each step before it begins.

        Raises:
            AlreadyRunningError: a stack runs in ``home``.
            BusyPortError: a port is taken.
            EmulatorError, DeployError, ProcessError: what failed, and why.
        """
        folder = StateFolder((home or default_home()).resolve())
        if running := find_marked(folder.home):
            raise AlreadyRunningError(_describe_running(folder, len(running)))
        settings = load_settings(default_stage())
        wanted = ports or Ports()
        unused = {name: 0 for name in _BESIDE.keys() & Ports.model_fields.keys() if _BESIDE[name] not in beside}
        chosen = choose_ports(wanted.model_copy(update=unused))
        folder.remove()
        folder.create()
        stack = cls(folder, StackState(stage=settings.stage, ports=chosen))
        try:
            stack._start(assembly, deploy, beside, announce)
        except BaseException:
            stack.stop()
            raise
        return stack

    @classmethod
    def attach(cls, home: Path | None = None) -> Self:
        """Return the stack that runs in ``home``.

        Raises:
            NotRunningError: none does, it is not ready, or its emulator has ended.
        """
        stack = cls.recorded(home)
        if find_process(stack.state.processes[0]) is None:
            raise NotRunningError(
                f"expected the emulator of {stack.folder.home} to run but it ended, and its data is lost; "
                "end the rest: darkroom down"
            )
        for record in stack.state.processes:
            if record.name == SUPERVISOR.name and find_process(record) is None:
                stack.revive(record)
        return stack

    @classmethod
    def recorded(cls, home: Path | None = None) -> Self:
        """Return the stack that was started in ``home``, even if its processes have ended.

        Raises:
            NotRunningError: none was, or its start has not ended.
        """
        folder = StateFolder((home or default_home()).resolve())
        state = folder.read()
        if state is None or not state.ready:
            raise NotRunningError(f"expected a running stack in {folder.home} but found none; start it: darkroom up")
        return cls(folder, state)

    def stop(self) -> None:
        """End every process, and remove the state folder.

        Raises:
            ProcessError: a process outlived SIGKILL.
        """
        end_stack(self.folder)

    def restart(self, name: str) -> None:
        """Restart one part: ``pipes``, ``edge``, ``athena`` or ``batch``.

        Raises:
            KeyError: there is no part of that name.
            ProcessError: it did not start.
        """
        with self._changing():
            stop_processes(record for record in self.state.processes if record.name == name)
            self._replace(name)
        self.await_ready(_BY_NAME[name])

    def revive(self, dead: ProcessRecord) -> None:
        """Start a part again whose process ``dead`` has ended, unless that is done.

        Raises:
            ProcessError: it cannot be started.
        """
        with self._changing():
            if dead in self.state.processes:
                self._replace(dead.name)
                restarts = {**self.state.restarts, dead.name: self.state.restarts.get(dead.name, 0) + 1}
                self.state = self.state.model_copy(update={"restarts": restarts})

    def give_up(self, name: str) -> None:
        """Note that a part died too often to be started again."""
        with self._changing():
            self.state = self.state.model_copy(update={"given_up": (*self.state.given_up, name)})

    def _replace(self, name: str) -> None:
        part = _BY_NAME[name]
        started = start_part(part, self.folder, self._environment_of(part))
        processes = tuple(started if old.name == name else old for old in self.state.processes)
        self.state = self.state.model_copy(update={"processes": processes})

    def process(self, name: str) -> ProcessRecord:
        """Return the process of a part as it is now.

        Raises:
            KeyError: there is none of that name.
        """
        self.refresh()
        return {record.name: record for record in self.state.processes}[name]

    def has(self, part: Part) -> bool:
        """Return whether ``part`` was started with the stack or added to it."""
        return any(record.name == part.name for record in self.state.processes)

    def add(self, *parts: Part) -> None:
        """Start those of ``parts`` that are not started yet, and wait until each is ready.

        Raises:
            ProcessError: one did not start.
        """
        for part in parts:
            self.begin(part)
            self.await_ready(part)

    def begin(self, part: Part) -> None:
        """Start ``part`` unless it is started; it may not be ready when this returns."""
        if self.has(part):
            return
        self._remember(start_part(part, self.folder, self._environment_of(part)))

    def await_ready(self, part: Part) -> None:
        """Wait until ``part``, which was started, is ready.

        Raises:
            ProcessError: it ended, or was not ready in time.
        """
        record = self.process(part.name)
        log = self.folder.log(part.name)
        if part == PREFECT:
            await_server(record, self.ports.prefect, log)
        elif part == FLOWS:
            await_deployments(record, self.ports.prefect, log, self.keys.token)
        else:
            await_part(part, record, self.ports, self.folder)

    @property
    def ports(self) -> Ports:
        """The ports that the stack listens on."""
        return self.state.ports

    @property
    def edge_url(self) -> str:
        """Where pictures are served: the local CloudFront."""
        return f"http://{HOST}:{self.ports.edge}"

    @property
    def prefect_url(self) -> str:
        """Where Prefect's UI is, which asks for :attr:`prefect_login`; its API is at ``/api``."""
        return f"http://{HOST}:{self.ports.prefect}"

    @property
    def prefect_login(self) -> str:
        """What Prefect's UI asks for when it is first opened, and its API as user and password."""
        return auth_string(self.keys.token)

    @property
    def lab_url(self) -> str:
        """Where JupyterLab is, with the token that opens it."""
        return f"http://{HOST}:{self.ports.lab}/lab?token={self.keys.token}"

    @property
    def upload_api(self) -> str:
        """The upload API's base address; ``/uploads`` follows it. Needs no Host header."""
        if self.state.upload_url is None:
            raise NotRunningError("expected a deployed upload API but the stack has none")
        return self.state.upload_url

    def environment(self) -> dict[str, str]:
        """Return the environment variables with which handlers, flows and notebooks use this stack."""
        prefect = {}
        if self.has(PREFECT):
            prefect = {"PREFECT_API_URL": f"{self.prefect_url}/api", "PREFECT_API_AUTH_STRING": self.prefect_login}
        aws = self.endpoint.environment(self.ports.athena, self.ports.batch)
        return {**aws, **prefect, "DARKROOM_STAGE": self.state.stage}

    def worker_environment(self, environment: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables of a worker, which may assume the flows' roles; added to ``environment``."""
        whole = {**(environment or {}), **self.environment(), **prefect_environment(self.folder)}
        return with_profile(whole, self.folder.profiles, f"{self.settings.prefix}-worker")

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client of the emulator."""
        return self.endpoint.client(service, region)

    @property
    def owner_headers(self) -> dict[str, str]:
        """The header that opens what AWS has no signature for: the paths of the edge's and the emulator's operator."""
        return {TOKEN_HEADER: self.keys.token}

    def edge_control(self, action: str, body: Any = None) -> Any:
        """Ask the edge for ``action``, such as ``flush``, and return its answer.

        Raises:
            HTTPError: the edge refused, or does not answer.
        """
        url = f"{self.edge_url}/_edge/{action}"
        answer = httpx.post(url, json=body, headers=self.owner_headers, timeout=60, trust_env=False)
        return answer.raise_for_status().json()

    def parameter(self, thing: str) -> str:
        """Return what the stacks published as ``thing``, such as ``images-table``."""
        name = self.settings.parameter_name(thing)
        return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    def _start(self, assembly: Path | None, deploy: Deployer, beside: Collection[Part], announce: Announce) -> None:
        announce("Start the emulator")
        emulator = start_emulator(
            self.folder, self.ports.emulator, self.endpoint.region, self.settings.lanes.account_concurrency
        )
        self._remember(emulator)
        for part in beside:
            if part != FLOWS:  # which needs Prefect, and what is deployed
                self.begin(part)
        if assembly is None:
            announce("Synthesize the stacks")
            assembly = _synthesize(self.state.stage)
        announce("Wait for the emulator")
        await_emulator(emulator, self.endpoint, self.folder)
        for part in PARTS:
            if not part.needs_stacks:
                self.begin(part)
        self.deployment = deploy(assembly, self.endpoint, lambda name: announce(f"Deploy {name}"))
        self._publish_addresses()
        self._make_keys()
        make_users(self.endpoint, self.settings.prefix, self.folder.profiles)
        self._reserve()
        announce(f"Start {', '.join(part.name for part in PARTS)}")
        for part in PARTS:
            self.begin(part)
        for part in PARTS:
            self.await_ready(part)
        for part in beside:
            announce(f"Start {part.name}")
            self.add(part)
        self._update(ready=True)
        self.begin(SUPERVISOR)

    def _environment_of(self, part: Part) -> dict[str, str]:
        environment = part_environment(self.folder, self.ports, self.endpoint, self.state.stage)
        if part.name not in _BESIDE:
            return environment
        if part == FLOWS:
            return self.worker_environment(environment)
        whole = {**environment, **self.environment(), **prefect_environment(self.folder)}
        return with_profile(whole, self.folder.profiles, f"{self.settings.prefix}-notebooks") if part == LAB else whole

    def _publish_addresses(self) -> None:
        """Replace the published addresses that only AWS can serve with local ones."""
        self._publish("delivery-url", self.edge_url, EDGE_REGION)
        api_id = (urlsplit(self.parameter("upload-api-url")).hostname or "").partition(".")[0]
        upload_url = f"{self.endpoint.url}/_aws/execute-api/{api_id}"
        self._publish("upload-api-url", upload_url, self.endpoint.region)
        self._update(upload_url=upload_url)

    def _publish(self, thing: str, value: str, region: str) -> None:
        self.client("ssm", region).put_parameter(
            Name=self.settings.parameter_name(thing), Value=value, Type="String", Overwrite=True
        )

    def _reserve(self) -> None:
        """Reserve concurrency for every lane, as ``darkroom reserve`` does on AWS."""
        unthrottled = ControlPlane(
            self.client("lambda"), self.settings.tuning.changes_per_second, lambda _seconds: None
        )
        reserve_new(deployed_lanes(self.settings, self.parameter), unthrottled)

    def _make_keys(self) -> None:
        """Create the keys of tenants and of image tokens, as ``darkroom keys`` does on AWS."""
        make_missing_keys(self.settings, self.client, self.parameter)
        Keyring.of_image_tokens(self.settings, self.client, self.parameter).publish()

    def _remember(self, record: ProcessRecord) -> None:
        with self._changing():
            self.state = self.state.model_copy(update={"processes": (*self.state.processes, record)})

    def _update(self, **changes: Any) -> None:
        with self._changing():
            self.state = self.state.model_copy(update=changes)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Read the state, and write it at the end as the block changed it; nobody else changes it meanwhile."""
        with self.folder.locked():
            self.refresh()
            yield
            self.folder.write(self.state)

    def refresh(self) -> None:
        """Read the state as it is now: the supervisor may have started processes again."""
        self.state = self.folder.read() or self.state


def end_stack(folder: StateFolder) -> int:
    """End every process of the stack in ``folder``, remove the folder, and return how many processes there were.

    Raises:
        ProcessError: a process outlived SIGKILL.
    """
    state = folder.read()
    # First, or it starts again what is being ended.
    stop_processes(record for record in (state.processes if state else ()) if record.name == SUPERVISOR.name)
    ended = stop_stack_processes(folder.home, state.processes if state else (), term_seconds=_END_SECONDS)
    folder.remove()
    return ended


def _synthesize(stage: str) -> Path:
    # Imported late: the CDK takes seconds to load, and a ready assembly needs none of it.
    from infra.synth import synthesize

    return synthesize(ASSEMBLY, target="host", account=ACCOUNT, stage=stage)


def _describe_running(folder: StateFolder, processes: int) -> str:
    state = folder.read()
    if state and state.ready and all(map(find_process, state.processes)):
        return (
            f"expected no stack in {folder.home} but one runs: pictures at http://{HOST}:{state.ports.edge}, "
            f"AWS at http://{HOST}:{state.ports.emulator}; end it: darkroom down"
        )
    return (
        f"expected no stack in {folder.home} but {processes} processes of one run, which is starting, was "
        "interrupted, or has lost the others; end them: darkroom down"
    )
