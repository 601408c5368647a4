"""The kinds of work there are, how patient each of them is, and what is done by the clock."""

from plugin import chores, delivery, digests, handing_out, handlers, polling, programs, rereading, telling
from plugin.engine import Chore, Job

MINUTE = 60
HOUR = 60 * MINUTE

JOBS = {
    "handle_event": Job(
        queue="ingest",
        run=handlers.handle,
        delays=(1, 5, 30, 2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR),
        give_up=handlers.give_up,
    ),
    # Greylisting asks for patience, and RFC 5321 for four to five days of it: section 4.5.4.1.
    "send_mail": Job(
        queue="mail",
        run=delivery.send_mail,
        delays=(5 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, *[6 * HOUR] * 18),
        give_up=delivery.give_up,
    ),
    # The same patience as for mail: a program may be away for a long weekend.
    "send_webhook": Job(
        queue="webhooks",
        run=programs.send_webhook,
        delays=(30, 2 * MINUTE, 10 * MINUTE, HOUR, 4 * HOUR, *[6 * HOUR] * 19),
        give_up=programs.give_up,
    ),
    "hand_out": Job(
        queue="ingest",
        run=handing_out.hand_out,
        delays=(1, 30, 10 * MINUTE, HOUR),
        give_up=handing_out.give_up,
    ),
    "write_back": Job(
        queue="writeback",
        run=telling.write_back,
        delays=(30, 2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR),
        give_up=telling.give_up,
    ),
    # An hour and more of a forum that does not answer; after that the poll finds what was missed.
    "read_forum": Job(
        queue="forums",
        run=polling.read_forum,
        delays=(5, 30, 2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR),
        give_up=polling.give_up,
    ),
    "reconcile": Job(queue="forums", run=polling.reconcile_one, delays=(), give_up=polling.give_up),
    "read_again": Job(queue="ingest", run=rereading.read_again, delays=(MINUTE,), give_up=rereading.give_up),
}

CHORES = {
    "sweep": Chore("*/10 * * * *", chores.sweep),
    # At the full hour, because a day begins at a different one in each time zone.
    "tell_contributors": Chore("0 * * * *", chores.tell_contributors),
    "catch_up": Chore("*/10 * * * *", rereading.catch_up),
    "reconcile_forums": Chore("*/10 * * * *", polling.reconcile),
    "send_digests": Chore("5 * * * *", digests.send_digests),
    # At the full hour too, for the hour of an editor's own choice.
    "send_desk_digests": Chore("0 * * * *", handing_out.send_desk_digests),
    "wake_sleepers": Chore("*/10 * * * *", handing_out.wake_sleepers),
    "note_discussions": Chore("20 * * * *", digests.note_discussions),
    "forget": Chore("15 3 * * *", chores.forget),
}
