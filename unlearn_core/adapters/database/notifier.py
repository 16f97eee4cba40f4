"""Messages to the data subject: posted on the status page, and put into the outbox.

Both are one transaction, so no message is posted without being on its way, and none
is on its way that was not posted.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.moments import to_text
from unlearn_core.adapters.database.tables import DispatchRow, MessageRow
from unlearn_core.domain.dispatches import Dispatch, DispatchState, Route
from unlearn_core.domain.requests import ErasureRequest, RequestId
from unlearn_core.ports import Clock
from unlearn_core.privacy import Personal


class StatusPageNotifier:
    """`Notifier` and `Outbox`: subjects look themselves, and hear over every route.

    Args:
        database: The database.
        clock: The clock.
        routes: Ways on which messages go beside the status page.
    """

    def __init__(
        self, database: Database, *, clock: Clock, routes: Sequence[Route] = ()
    ) -> None:
        self._database = database
        self._clock = clock
        self._routes = tuple(routes)

    def notify(
        self, request: ErasureRequest, *, template: str, contact: Personal[str] | None
    ) -> bool:
        """Post a message and send it on its way; once is enough."""
        request_id = str(request.request_id)
        with self._database.writing() as session:
            if session.get(MessageRow, (request_id, template)) is None:
                now = to_text(self._clock.now())
                session.add(
                    MessageRow(request_id=request_id, template=template, created_at=now)
                )
                for route in self._routes:
                    has_address = contact is not None or not route.needs_address
                    if has_address and route.serves(request, template):
                        session.add(_first_try(request_id, template, route, now))
            return self._awaits_address(session, request_id)

    def posted(self, request_id: RequestId) -> tuple[str, ...]:
        """Return the templates of the messages posted so far, oldest first."""
        query = (
            select(MessageRow.template)
            .where(MessageRow.request_id == str(request_id))
            .order_by(MessageRow.created_at)
        )
        with self._database.reading() as session:
            return tuple(session.exec(query).all())

    def queue(self, dispatches: Sequence[Dispatch]) -> None:
        """Put messages in, all or none; one that is in stays as it is."""
        with self._database.writing() as session:
            for item in dispatches:
                key = (str(item.request_id), item.template, item.channel)
                if session.get(DispatchRow, key) is None:
                    session.add(_row(item))

    def dispatches(self, request_id: RequestId | None = None) -> tuple[Dispatch, ...]:
        """Return all dispatches, or those of a request, oldest first."""
        query = _OLDEST_FIRST
        if request_id is not None:
            query = query.where(DispatchRow.request_id == str(request_id))
        return self._found(query)

    def due(self, now: datetime) -> tuple[Dispatch, ...]:
        """Return the dispatches that wait and whose next try is due, oldest first."""
        return self._found(
            _OLDEST_FIRST.where(
                DispatchRow.state == DispatchState.WAITING.value,
                DispatchRow.due_at <= to_text(now),
            )
        )

    def _found(self, query: SelectOfScalar[DispatchRow]) -> tuple[Dispatch, ...]:
        with self._database.reading() as session:
            return tuple(_dispatch(row) for row in session.exec(query).all())

    def settle(self, dispatch: Dispatch) -> None:
        """Keep how a try ended."""
        with self._database.writing() as session:
            session.merge(_row(dispatch))

    def _awaits_address(self, session: Session, request_id: str) -> bool:
        personal = {route.channel for route in self._routes if route.needs_address}
        waiting = select(DispatchRow.channel).where(
            DispatchRow.request_id == request_id,
            DispatchRow.state == DispatchState.WAITING.value,
        )
        session.flush()
        return bool(personal & set(session.exec(waiting).all()))


_OLDEST_FIRST = select(DispatchRow).order_by(
    DispatchRow.queued_at, DispatchRow.request_id, DispatchRow.channel
)


def _first_try(request_id: str, template: str, route: Route, now: str) -> DispatchRow:
    return DispatchRow(
        request_id=request_id,
        template=template,
        channel=route.channel,
        queued_at=now,
        due_at=now,
        state=DispatchState.WAITING.value,
        attempts=0,
        reason="",
    )


def _row(dispatch: Dispatch) -> DispatchRow:
    return DispatchRow(
        request_id=str(dispatch.request_id),
        template=dispatch.template,
        channel=dispatch.channel,
        queued_at=to_text(dispatch.queued_at),
        due_at=to_text(dispatch.due_at),
        state=dispatch.state.value,
        attempts=dispatch.attempts,
        reason=dispatch.reason,
    )


def _dispatch(row: DispatchRow) -> Dispatch:
    return Dispatch(
        request_id=RequestId(UUID(row.request_id)),
        template=row.template,
        channel=row.channel,
        queued_at=datetime.fromisoformat(row.queued_at),
        due_at=datetime.fromisoformat(row.due_at),
        state=DispatchState(row.state),
        attempts=row.attempts,
        reason=row.reason,
    )
