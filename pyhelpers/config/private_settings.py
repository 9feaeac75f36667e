"""What a launch must know of environment_clean, env_file and secrets.  Most servers have none, and do not load this."""

from __future__ import annotations

from config import clean_environment
from config.launch_settings import Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.settled import Settings

# `environment`, because it overrides the files.  PRIVATE tells that there are any, and, as soon as someone follows the
# server or is to end it, where its record is
NEEDED = ("env_file", "env_file_at", "secrets", "secrets_at", "environment")
PRIVATE = "private"


def apply(launch: Launch, settings: Settings) -> None:
    """Give the launch a clean environment, and the names of the files that only its child reads, as conf says."""
    if settings["environment_clean"] == "1":
        launch.environment = clean_environment.of(settings, launch.environment)
    if settings["env_file"] or settings["secrets"]:
        launch.settings.update((key, settings[key]) for key in NEEDED if settings.get(key))
        launch.settings[PRIVATE] = "1"
