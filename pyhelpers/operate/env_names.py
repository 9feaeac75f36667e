"""Which variables does the environment of a server have, and who sets each?  Names, never values.

    $ ./monitor.sh status --env web
    DB_HOST                env_file /srv/web/.env:3
    RAILS_ENV              environment
    CREDENTIALS_DIRECTORY  secrets: db_password tls_key
    (inherited)            all that the monitor has

As conf and its files are now: at its next launch the server has just these.
"""

from __future__ import annotations

from base.exits import GOOD, USAGE, Refused
from base.places import NoAnswer
from config import settle, settled
from config.clean_environment import KEPT
from config.private_files import Private
from config.private_values import DIRECTORY
from config.server_settings import ServerSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.keys import Values
    from operate.context import Place

INHERITED = "(inherited)"


def show(place: Place, names: list[str]) -> int:
    """Print the names of one server; return the exit status.  Raises Refused, settle.ConfError."""
    place.require_owner("status --env")
    found = settle.settle(place.conf_dir, place.root, place.cwd, names).servers
    if len(found) != 1:
        raise Refused(USAGE, f"{names[0]} means {len(found)} servers; name one, as {found[0]['name']}")
    values = found[0]
    rows = _rows(values)
    width = max(map(len, rows))
    print("\n".join(f"{name:{width}}  {source}" for name, source in rows.items()))
    return GOOD


def _rows(values: Values) -> dict[str, str]:
    """The source of each variable by its name; a later source overrides an earlier one."""
    private = Private(ServerSettings(1, values["name"], settled.settings_of(values)))
    rows: dict[str, str] = {}
    for path in private.env_files:
        try:
            rows.update((name, f"env_file {path}:{line}") for name, _, line in private.variables(path))
        except NoAnswer:
            rows[path] = "does not answer"
    rows.update((pair.partition("=")[0], "environment") for pair in values["environment"])
    if private.secrets:
        rows[DIRECTORY] = f"secrets: {' '.join(name for name, _ in private.secrets)}"
    rows[INHERITED] = f"of the monitor's environment only {' '.join(KEPT)}"
    if not values["environment_clean"]:
        rows[INHERITED] = "all that the monitor has"
    return rows
