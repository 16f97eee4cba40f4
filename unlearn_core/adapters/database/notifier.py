"""Messages that the data subject finds on the status page of the request."""

from sqlmodel import select

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.moments import to_text
from unlearn_core.adapters.database.tables import MessageRow
from unlearn_core.domain.requests import ErasureRequest, RequestId
from unlearn_core.ports import Clock
from unlearn_core.privacy import Personal


class StatusPageNotifier:
    """`Notifier` that needs no address: the subject looks with the request id."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def notify(
        self, request: ErasureRequest, *, template: str, contact: Personal[str] | None
    ) -> None:
        """Post a message; posting it again changes nothing. The address is unused."""
        del contact
        with self._database.writing() as session:
            key = (str(request.request_id), template)
            if session.get(MessageRow, key) is None:
                session.add(
                    MessageRow(
                        request_id=key[0],
                        template=template,
                        created_at=to_text(self._clock.now()),
                    )
                )

    def posted(self, request_id: RequestId) -> tuple[str, ...]:
        """Return the templates of the messages posted so far, oldest first."""
        query = (
            select(MessageRow.template)
            .where(MessageRow.request_id == str(request_id))
            .order_by(MessageRow.created_at)
        )
        with self._database.reading() as session:
            return tuple(session.exec(query).all())
