"""An operator's word about one singleton: up, down, paused or a host, at one/NAME.want.  The machines obey it."""

from __future__ import annotations

from base.exits import FAILED, NOT_CONFIGURED, Refused
from fleet import etcd
from fleet.names import Holder
from fleet.view import SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.etcd import Answer, Etcd
    from fleet.names import Names


class Word:
    """Of one name.  order: of the operator, for messages.  All calls raise Refused."""

    def __init__(self, client: Etcd, names: Names, name: str, order: str) -> None:
        self._etcd, self._order = client, order
        self._key, self._one = names.want(name), names.one(name)
        self.name = name

    def require_known(self) -> None:
        """Some machine has had it: else the name is a mistake."""
        if self._ask(etcd.get(self._one)).entry(self._one) is None:
            reason = f"no machine has had a singleton {self.name}; see status --fleet"
            raise Refused(NOT_CONFIGURED, f"{self._order}: {reason}")

    def holder(self) -> str:
        """The machine that has it; "" if none has."""
        return Holder(self._ask(etcd.get(self._one)).entry(self._one)).host

    def give(self, text: str) -> None:
        """It stays until it is taken back."""
        self._ask(etcd.put(self._key, text))

    def take_back(self) -> None:
        """The machines do as they think best."""
        self._ask(etcd.delete(self._key))

    def _ask(self, part: etcd.Part) -> Answer:
        try:
            return self._etcd.txn([], [part], [], SECONDS)
        except (etcd.NoAnswer, etcd.Refused) as error:
            raise Refused(FAILED, f"{self._order}: etcd does not take the word: {error}") from None
