"""What does conf say about one server?  Its settled values, each in the form that the programs use."""

from __future__ import annotations

import os

from base import ids, places
from base.places import NoAnswer
from base.programs import LaunchError
from config import settled
from config.launch_settings import MOST, Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.ids import Ids
    from config.fd_keys import Wanted

# Keys that, when set, ask for a vital, or for a command around its life
VITALS = ("check", "heartbeat", "max_memory", "max_cpu", "max_fds", "restart_every")
AROUND = ("start_pre", "start_post", "stop_post", "stop_command", "reload")
VITAL_FAMILIES = (
    "check",
    "heartbeat",
    "max_",
    "channel",
    "restart_every",
)  # how the names of the settings of vitals begin
MANUAL = "manual"  # of `start`

_known: dict[str, list[str]] = {"": []}


def elements(value: str) -> list[str]:
    """The elements of a settled list.  Do not change the list: servers with the same setting share it."""
    if value not in _known:
        _known[value] = settled.elements(value)
    return _known[value]


def _ends(name: str, settings: settled.Settings) -> Wanted | None:
    """The server's descriptors, or None.  Most servers have none, and do not load the module."""
    if not settings["sockets"] + settings["channels"] and "scm" != settings["fd_passing"]:
        if settings.get("heartbeat") != "channel":
            return None
    from config import fd_keys

    return fd_keys.Wanted(name, settings)


def _vitals(settings: settled.Settings) -> dict[str, str]:
    """The settings of vitals and around its life if the server has one of these; else {}, to save memory."""
    found = {key: value for key, value in settings.items() if value and key in AROUND}
    if settings.get("start") == MANUAL:
        found["start"] = MANUAL
    if settings.get("singleton") == "1":
        found["singleton"] = settings["singleton_after"]
    if found or any(settings.get(kind) for kind in VITALS):
        found.update((key, value) for key, value in settings.items() if key.startswith(VITAL_FAMILIES))
    return found


def _ids(settings: settled.Settings) -> Ids | None:
    """As they are settled for the watcher; another program, which is soon gone, looks them up itself."""
    if "ids" in settings or not settings["user"] + settings["group"]:
        return ids.parsed(settings.get("ids", ""))
    from config import accounts

    return ids.parsed(accounts.ids_of(settings["user"], settings["group"]))


class ServerSettings:
    """The settings of one server.  Durations are in ms.

    number: its place in the settled conf, from 1; place: `dir` as conf has it; directory: the same without
    symlinks; program: the path that `command` runs; base: NAME of NAME@INSTANCE, or the name of any other;
    conf_file: the file that a message advises to change; kept_in: its directory below STATE_DIR/servers/;
    is_placed: does conf say where it runs?
    sources: the words of each source in pid_from; vital: the settings of heartbeat, check, limits and around its life,
    or {};
    ids: its user and group as numbers, if they are known; uid: the user that its processes must have, -1: not said;
    ends: the descriptors that its watcher holds for it, or None;
    keeps_output: its output goes into a log of ours, of output_max bytes (0: no limit), with output_keep archives;
    shares_output: it goes to the monitor's own standard output; logger: the program and arguments that read it, or [];
    core_keep: so many cores of its crashes are kept, 0: none is looked for;
    secrets: values that are starred wherever its output is shown.
    """

    __slots__ = (
        "argv base conf_file core_keep directory ends ids is_placed keeps_output kept_in launch logger logs match name "
        "needs needs_elsewhere needs_file number oldlog oldlog_keep output_keep output_max place port program rival_ms "
        "secrets shares_output sources start_ms stop stop_tree tags timeout_ms uid user vital"
    ).split()

    def __init__(self, number: int, name: str, settings: settled.Settings) -> None:
        self.number = number
        self.name = name
        self.base = settings.get("instance_of") or name
        self.kept_in = settings.get("kept_in", name)
        self.is_placed = settings.get("dir_from", "conf") == "conf"
        self.conf_file = settings["conf_file"]
        self.place = settings["dir"]
        self.directory = places.real(self.place)
        if self.place == self.directory:
            self.place = self.directory  # one string instead of two
        self.argv = settled.elements(settings["command"])
        self.match = settled.elements(settings["match"])
        self.needs = elements(settings["needs"])
        self.needs_elsewhere = elements(settings.get("needs_elsewhere", ""))
        self.tags = elements(settings.get("tags", ""))
        self.needs_file = elements(settings["needs_file"])
        self.port = int(settings["port"] or 0)
        self.sources = [settled.words(source) for source in elements(settings["pid_from"])]
        self.start_ms = int(settings["start_seconds"])
        self.rival_ms = int(settings["rival_wait"])
        self.timeout_ms = int(settings["start_timeout"])
        self.stop = elements(settings["stop"])
        self.stop_tree = settings["stop_tree"] == "1"
        self.logs = elements(settings["logs"])
        self.oldlog = settings["oldlog"]
        self.oldlog_keep = settings["oldlog_keep"]
        self.keeps_output = settings["output"] == settled.KEPT
        self.shares_output = settings["output"] == settled.OURS
        words = elements(settings["output"])
        self.logger = words[1:] if words[:1] == [settled.LOGGER] else []
        self.output_max = int(settings["output_max"])
        self.output_keep = int(settings["output_keep"])
        self.core_keep = int(settings["core"])
        self.secrets = _secrets(elements(settings["environment"]))
        self.user = settings["user"]
        self.ids = _ids(settings)
        self.uid = self.ids.uid if self.ids and self.user else -1
        self.vital = _vitals(settings)
        self.ends = _ends(name, settings)
        if self.ends and self.ends.scm:
            self.argv = self.ends.argv_of(self.argv)
        self.launch = self._launch(settings)
        self.launch.told = not self.ends or not self.ends.scm
        self.program = self._program()

    def _launch(self, settings: settled.Settings) -> Launch:
        is_file = not self.keeps_output and not self.shares_output and not self.logger
        launch = Launch(self.argv, self.directory, settings["output"] if is_file else "/dev/null")
        launch.settings = {key: settings[key] for key in Launch.SETTINGS if settings[key]}
        if self.core_keep:
            launch.settings.setdefault("limit_core", MOST)
        if settings["no_new_privileges"] == "0":
            del launch.settings["no_new_privileges"]
        if settings["environment_clean"] != "0" or settings["env_file"] + settings["secrets"]:
            from config import private_settings

            private_settings.apply(launch, settings)
        if settings["umask"]:
            launch.umask = int(settings["umask"], 8)
        if settings["environment"]:
            launch.environment = dict(launch.environment)
            launch.environment.update(pair.partition("=")[::2] for pair in elements(settings["environment"]))
        launch.ids = self.ids
        if any(settings[key] for key in Launch.CAPS):
            launch.caps = {key: settings[key] for key in Launch.CAPS if settings[key]}
        launch.in_cgroup = settings["cgroup"] == "auto"
        return launch

    def _program(self) -> str:
        """The path of the program (which may not exist yet), to compare with a process's exe."""
        try:
            return self.launch.program(may_look=places.require_answer)
        except (LaunchError, NoAnswer, OSError):
            return os.path.join(self.directory, self.argv[0])

    @property
    def shown(self) -> str:
        """Its name for people, with its directory if another one had the name before: see state/namesakes.py."""
        return self.name if self.kept_in == self.name else f"{self.name} in {self.place}"

    def words_are_default(self) -> bool:
        """Is `match` the default, the program's own name?"""
        return self.match == [os.path.basename(self.argv[0])]


def _secrets(environment: list[str]) -> list[str]:
    if not environment:
        return []
    from base import last_words

    return last_words.secrets_of(environment)
