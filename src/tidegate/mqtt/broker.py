"""All clients of all scopes: who takes over whose session, and which message goes where.

No sockets and no clock. The edge hands it the effects of connections; what it cannot do itself, it gives back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from tidegate import clock
from tidegate.mqtt import codec, sharing, subscriptions
from tidegate.mqtt import session as sessions
from tidegate.mqtt.codec import Reason
from tidegate.mqtt.identity import Identity, Scope
from tidegate.mqtt.others import NOBODY, Others
from tidegate.mqtt.reserved import EVERYTHING, NOTHING, Reserved
from tidegate.mqtt.retention import Retention
from tidegate.mqtt.session import Closed, Connection, Delivery, Effect, Ending, Message, Publication, Retained, Session
from tidegate.mqtt.session.keeping import Done, Forgetful, Journal, Stored
from tidegate.mqtt.settings import Settings
from tidegate.mqtt.timer_wheel import TimerWheel
from tidegate.mqtt.wills import Wills

Interest = Callable[[Scope, str, bool], None]
"""Called with (scope, name, wanted) when filters that the service watches under a name begin or cease to exist."""

Left = Callable[[Connection, Effect], None]
"""Called with the end of a connection, and with a will that is no message for subscribers but concerns the service."""

Noted = Callable[[Identity, Message], None]
"""Called when a client has a message retained, or one deleted."""


class Realm:
    """The sessions, subscriptions and retained messages of one scope."""

    __slots__ = ("index", "interest", "retention", "sessions")

    def __init__(self, retention: Retention) -> None:
        self.sessions: dict[str, Session] = {}
        self.index: subscriptions.Index[Session] = subscriptions.Index()
        self.retention = retention
        self.interest: dict[str, int] = {}


def _nobody_asks(_scope: Scope, _name: str, _wanted: bool) -> None:
    """No interest in interest."""


def _nobody_notes(_identity: Identity, _message: Message) -> None:
    """No interest in who has a message retained."""


class Broker:
    """Routes messages and keeps sessions."""

    def __init__(
        self,
        settings: Settings,
        left: Left,
        interest: Interest = _nobody_asks,
        journal: Journal | None = None,
        reserved: Reserved = NOTHING,
        retained: Noted = _nobody_notes,
    ) -> None:
        """``reserved``: what the service makes of topics."""
        self.reserved = reserved
        self.others: Others = NOBODY
        self._settings = settings
        self._journal = journal or Forgetful()
        self._left = left
        self._interest = interest
        self._noted = retained
        self._realms: dict[Scope, Realm] = {}
        self._asleep: TimerWheel[Session] = TimerWheel()
        self._connects: Counter[tuple[Scope, str]] = Counter()
        self.wills = Wills(self._publish_will)
        self._handlers: dict[type, Callable[[Connection, Any, clock.Millis], None]] = {
            Publication: self._publication,
            sessions.Answer: self._answer,
            sessions.Subscribed: self._subscribed,
            sessions.Unsubscribed: self._unsubscribed,
            sessions.Broken: self._broken,
            Closed: self._closed,
        }

    def carry_out(self, connection: Connection, effects: list[Effect], now: clock.Millis) -> list[Effect]:
        """Carry out what concerns other clients; returns what concerns the service."""
        rest: list[Effect] = []
        for effect in effects:
            handler = self._handlers.get(type(effect))
            if handler is None:
                rest.append(effect)
            else:
                handler(connection, effect, now)
        return rest

    # -- sessions --

    def admit(self, connection: Connection, identity: Identity, now: clock.Millis) -> list[Effect]:
        """Let an identified client in, or refuse it (device reference 2.1, 2.2)."""
        connection.identity = identity
        if self._too_often(identity.scope, connection.client_id):
            return [connection.refuse(Reason.QUOTA_EXCEEDED, "connects too often")]
        denied = sessions.authorise(connection, identity)
        if denied is not None:
            silent = not (self._settings.denials_told or connection.v5)
            return [connection.refuse(Reason.NOT_AUTHORIZED, f"{denied} denied", silent=silent)]
        realm = self._realm(identity.scope)
        held = realm.sessions.get(connection.client_id)
        former = sessions.serving(held)
        if former is not None:
            self.end(former, Ending.DUPLICATE_CLIENT_ID, Reason.SESSION_TAKEN_OVER, "taken over", now)
            held = realm.sessions.get(connection.client_id)
        present = held is not None and held.v5 is connection.v5 and not connection.wants_clean_start
        if held is not None and not present:
            self._forget(held, now)
        session = held if held is not None and present else None
        if session is None:
            session = Session(identity.scope, connection.client_id, connection.v5, self._settings, self._journal)
            realm.sessions[connection.client_id] = session
        elif session.expires_at is not None:
            self._asleep.discard(session, session.expires_at / 1000)
            self.wills.returned(session)
        sessions.accept(connection, identity, session, present)
        sharing.pass_on(realm.index, session, now)
        session.resume(now)
        for name in session.subscriptions:
            sharing.collect(realm.index, name, now)
            self.others.changed(session.scope, name)
        self.others.held(session)
        return sessions.advance(connection, now)

    def came_elsewhere(self, scope: Scope, client_id: str) -> None:
        """A client was let in by another server, which counts here, too."""
        if self._settings.connect_rate:
            self._connects[scope, client_id] += 1

    def reconsider(self, connection: Connection, now: clock.Millis) -> None:
        """A client may do more or less than before."""
        session = connection.session
        if session is not None:
            sharing.pass_on(self._realm(session.scope).index, session, now)

    def _too_often(self, scope: Scope, client_id: str) -> bool:
        """Whether a client id has connected more often in this second than it may."""
        if not self._settings.connect_rate:
            return False
        self._connects[scope, client_id] += 1
        return self._connects[scope, client_id] > self._settings.connect_rate

    def end(
        self,
        connection: Connection,
        ending: Ending,
        code: Reason,
        message: str,
        now: clock.Millis,
        *,
        will: bool = True,
    ) -> None:
        """End a connection from this side."""
        self.carry_out(connection, connection.shut(ending, code, message, will=will), now)

    def sweep(self, now: clock.Millis) -> None:
        """Once a second: end the sessions whose time without a connection is over."""
        self._connects.clear()
        self.wills.sweep(now)
        for session in self._asleep.due(now / 1000):
            if session.connection is None and session.expires_at is not None:
                self._forget(session, now)

    def session(self, scope: Scope, client_id: str) -> Session | None:
        """The session of a client id, connected or not."""
        realm = self._realms.get(scope)
        return None if realm is None else realm.sessions.get(client_id)

    def restore(self, stored: Iterable[Stored], now: clock.Millis) -> None:
        """Take over the sessions of an earlier server; the time of those that were connected begins now."""
        for each in stored:
            state = each.state
            if self.session(state.scope, state.client_id) is not None:  # the client came to this server anew
                self._journal.ended(each.number)
                continue
            session = Session(state.scope, state.client_id, state.level == codec.V5, self._settings, self._journal)
            session.expiry = state.expiry
            session.expires_at = now + 1000 * state.expiry if state.expires_at is None else state.expires_at
            for name, options in each.filters:
                session.subscribe(name, options)
            session.restored(each.number, each.waiting)
            if state.expires_at is None:
                session.rest()
            self.take_in(session)
        self.sweep(now)

    def take_in(self, session: Session) -> None:
        """Have a session that nobody is connected to."""
        assert session.expires_at is not None
        realm = self._realm(session.scope)
        realm.sessions[session.client_id] = session
        for name, subscription in session.subscriptions.items():
            realm.index.add(subscription)
            self._count(realm, session.scope, name, 1)
        self._asleep.add(session, session.expires_at / 1000)
        self.others.held(session)

    def let_go(self, session: Session) -> None:
        """Leave a session that nobody is connected to to another server, with what is on disk of it."""
        assert session.expires_at is not None
        realm = self._realm(session.scope)
        del realm.sessions[session.client_id]
        for subscription in session.subscriptions.values():
            self._drop(realm, session.scope, subscription)
        self._asleep.discard(session, session.expires_at / 1000)
        self.wills.returned(session)
        self.others.held(session)

    def restore_retained(self, stored: Iterable[tuple[Scope, str, Retained]]) -> None:
        """Take over the retained messages of an earlier server."""
        for scope, topic, retained in stored:
            self._realm(scope).retention.restore(topic, retained)

    def reset(self, now: clock.Millis) -> None:
        """The store was emptied: forget sessions without a connection, and all retained messages."""
        for realm in self._realms.values():
            realm.retention.clear()
            for session in list(realm.sessions.values()):
                session.number = 0
                if session.connection is None:
                    self._forget(session, now)

    def _realm(self, scope: Scope) -> Realm:
        realm = self._realms.get(scope)
        if realm is None:
            realm = self._realms[scope] = Realm(Retention(scope, self._settings, self._journal))
        return realm

    def _closed(self, connection: Connection, effect: Closed, now: clock.Millis) -> None:
        session = connection.session
        if session is not None and session.connection is connection:
            session.detach(now)
            for name in session.subscriptions:
                self.others.changed(session.scope, name)
            self.others.held(session)
            sharing.relieve(self._realm(session.scope).index, session, now)
            self.wills.take(connection, effect, session, now)
            if session.expires_at is not None:
                self._asleep.add(session, session.expires_at / 1000)
            else:
                self._forget(session, now)
        self._left(connection, effect)

    def _broken(self, connection: Connection, effect: sessions.Broken, now: clock.Millis) -> None:
        """Everything before it was carried out; what that is owed goes out first, and its disk is waited for."""

        def tell(_written: bool) -> None:
            self.carry_out(connection, connection.breach(effect.error), now)

        if connection.owed:
            self._journal.when_written(tell)
        else:
            tell(True)

    def _publish_will(self, connection: Connection, will: codec.Will, now: clock.Millis) -> None:
        effect = sessions.will_publication(connection, will, now)
        if isinstance(effect, Publication):
            self._publication(connection, effect, now)
        elif effect is not None:
            self._left(connection, effect)

    def _forget(self, session: Session, now: clock.Millis) -> None:
        realm = self._realm(session.scope)
        if session.expires_at is not None:
            self._asleep.discard(session, session.expires_at / 1000)
        filters = list(session.subscriptions)
        for subscription in session.subscriptions.values():
            self._drop(realm, session.scope, subscription)
        session.subscriptions.clear()
        for name in filters:
            sharing.bequeath(realm.index, session, name, now)
        session.erase()
        del realm.sessions[session.client_id]
        self.others.held(session)
        self.wills.ended(session, now)

    # -- subscriptions --

    def forget(self, scope: Scope, client_id: str, now: clock.Millis) -> bool:
        """End a session nobody is connected to; False if there is none."""
        session = self.session(scope, client_id)
        if session is None or session.connection is not None:
            return False
        self._forget(session, now)
        return True

    def _subscribed(self, connection: Connection, effect: sessions.Subscribed, now: clock.Millis) -> None:
        session, subscription = connection.session, effect.subscription
        assert session is not None
        realm = self._realm(session.scope)
        if effect.fresh:
            realm.index.add(subscription)
            self._count(realm, session.scope, subscription.filter, 1)
            sharing.collect(realm.index, subscription.filter, now)
        if effect.replay:
            self._replay(realm, session, subscription, now)

    def _replay(
        self, realm: Realm, session: Session, subscription: subscriptions.Subscription[Session], now: clock.Millis
    ) -> None:
        """Only a filter that equals the topic brings its retained message (device reference 2.6)."""
        message = realm.retention.get(subscription.filter, now)
        if message is None:
            return
        session.deliver(message, min(message.qos, subscription.qos), True, now)

    def _unsubscribed(self, connection: Connection, effect: sessions.Unsubscribed, _now: clock.Millis) -> None:
        session = connection.session
        assert session is not None
        self._drop(self._realm(session.scope), session.scope, effect.subscription)

    def _drop(self, realm: Realm, scope: Scope, subscription: subscriptions.Subscription[Session]) -> None:
        realm.index.remove(subscription)
        self._count(realm, scope, subscription.filter, -1)

    def _count(self, realm: Realm, scope: Scope, topic_filter: str, change: int) -> None:
        """Keep the number of filters that the service watches under a name, and tell when it leaves or reaches 0."""
        self.others.changed(scope, topic_filter)
        name = self.reserved.watched(topic_filter)
        if name is None:
            return
        before = realm.interest.get(name, 0)
        realm.interest[name] = before + change
        if before + change == 0:
            del realm.interest[name]
        if before == 0 or before + change == 0:
            self._interest(scope, name, before == 0)

    def watches(self, scope: Scope, name: str) -> bool:
        """Whether the service watches any subscription, also of a sleeping session, under a name."""
        realm = self._realms.get(scope)
        return realm is not None and (name in realm.interest or EVERYTHING in realm.interest)

    def wanted(self, scope: Scope, topic: str) -> bool:
        """Whether any subscription matches a topic."""
        realm = self._realms.get(scope)
        return realm is not None and realm.index.wanted(topic)

    # -- messages --

    def publish(
        self, scope: Scope, message: Message, now: clock.Millis, but: Collection[Session] = frozenset()
    ) -> None:
        """Hand a message, which every server has, to those here who subscribe to its topic, some excepted."""
        realm = self._realms.get(scope)
        if realm is None:
            return
        found, groups = realm.index.match(message.topic)
        for subscription in found:
            if subscription.session not in but:
                sharing.hand_over(message, subscription, now)
        for group in groups:
            if self.others.ours(scope, group.filter, message):
                sharing.hand_to_one(group, message, now)

    def send(self, scope: Scope, message: Message, now: clock.Millis, origin: Session | None = None) -> int:
        """Hand a message to everyone in a scope who subscribes to its topic; keep it if it is retained.

        Returns a ticket of ``others``.
        """
        realm = self._realms.get(scope)
        if realm is None:
            if not message.retain:
                return self.others.carry(scope, message, now, ())
            realm = self._realm(scope)
        if message.retain:
            realm.retention.retain(message, now)
        found, groups = realm.index.match(message.topic, origin)
        for subscription in found:
            sharing.hand_over(message, subscription, now)
        undecided = []
        for group in groups:
            if self.others.share(scope, group.filter):
                undecided.append(group.filter)
            else:
                sharing.hand_to_one(group, message, now)
        return self.others.carry(scope, message, now, undecided)

    def waiting(self, scope: Scope, topic_filter: str) -> list[tuple[Session, Delivery]]:
        """What sleeping sessions have of a shared subscription of which no member is connected here."""
        realm = self._realms.get(scope)
        group = None if realm is None else realm.index.group(topic_filter)
        if group is None or group.online:
            return []
        return [(member, each) for member in group.members for each in member.held(topic_filter)]

    def retained_since(self, kept: Iterable[tuple[Scope, str, Retained]], since: clock.Millis) -> None:
        """What other servers retained up to an instant is just this."""
        found = {(scope, topic): retained for scope, topic, retained in kept}
        for (scope, _topic), retained in found.items():
            self.retain(scope, retained.message, retained.retained_at)
        for scope, realm in self._realms.items():
            for topic, known in list(realm.retention.messages.items()):
                if (scope, topic) not in found and known.retained_at < since:
                    realm.retention.heard(Message(topic, b""), since)

    def retain(self, scope: Scope, message: Message, at: clock.Millis) -> None:
        """Another server has had a message retained."""
        self._realm(scope).retention.heard(message, at)

    def share_out(self, scope: Scope, topic_filter: str, message: Message, now: clock.Millis) -> bool:
        """Hand a message to a member of one shared subscription; False if there is none who gets it."""
        realm = self._realms.get(scope)
        group = None if realm is None else realm.index.group(topic_filter)
        return group is not None and sharing.hand_to_one(group, message, now)

    def subscribers(self, scope: Scope, topic_filter: str) -> Collection[Session]:
        """The sessions that have exactly this filter."""
        realm = self._realms.get(scope)
        return () if realm is None else realm.index.subscribers(topic_filter)

    def every_session(self) -> list[Session]:
        """The sessions of all scopes."""
        return [session for realm in self._realms.values() for session in realm.sessions.values()]

    def retained(self, scope: Scope) -> Mapping[str, Retained]:
        """The retained messages of a scope by topic."""
        realm = self._realms.get(scope)
        return {} if realm is None else realm.retention.messages

    def _publication(self, connection: Connection, effect: Publication, now: clock.Millis) -> None:
        session = connection.session
        assert session is not None
        before = self._journal.changes
        ticket = self.send(session.scope, effect.message, now, session)
        if effect.message.retain and connection.identity is not None:
            self._noted(connection.identity, effect.message)
        ack = effect.ack
        if ack is None:
            return
        if self._journal.changes == before and not ticket:
            connection.pay(ack)
        else:  # somebody who is away waits for it now: it is acknowledged when that is on disk
            self.when_safe(ticket, lambda written: self._written(connection, written, now, lambda: connection.pay(ack)))

    def when_safe(self, ticket: int, done: Done) -> None:
        """Call back when everything that was written down by now is on disk, and others have confirmed a ticket."""

        def heard(written: bool) -> None:
            if written and ticket:
                self.others.when_heard(ticket, done)
            else:
                done(written)

        self._journal.when_written(heard)

    def _answer(self, connection: Connection, effect: sessions.Answer, now: clock.Millis) -> None:
        self.when_safe(
            self.others.announced(),
            lambda written: self._written(connection, written, now, lambda: connection.answer(effect.data)),
        )

    def _written(self, connection: Connection, written: bool, now: clock.Millis, answer: Callable[[], None]) -> None:
        """What cannot be kept is not acknowledged: the client is sent away and will try again."""
        if written:
            answer()
        else:
            message = "the store does not take it"
            self.end(connection, Ending.SERVER_ERROR, Reason.UNSPECIFIED_ERROR, message, now)
