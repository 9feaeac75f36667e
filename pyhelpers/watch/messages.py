"""The language between the helper and the shell.  Each message is a line; a test compares both sides with this table.

Events, helper to shell.  NUMBER is the server's place in the settled conf, 0 for none; NOW is in seconds since boot,
WHEN local time by ISO 8601.  Fields end at a blank, the last one may hold blanks:

    WORD NUMBER NOW WHEN FIELD...

    event            fields                    what it means
    recall           RESTARTS MEMORY           what the record remembers for the shell
    up               PID HOW SOURCE MS DOWN    it runs; HOW: launched adopted moved; MS: of a start, DOWN: of an outage
    down             PID UP INCIDENT CAUSE     it ended after UP seconds
    rival            WAIT TEXT                 `down` follows; TEXT: who else restarts it, and gets WAIT ms for that
    restart_pending  PID UP INCIDENT CAUSE     the same, but a monitor that ended over the restart has logged that death
    absent           STATE                     at the first look it did not run; STATE: as its record had it
    failed           STATUS ATTEMPT TEXT       a start did not succeed; STATUS as of the LSB, ATTEMPT differs each time
    printed          PID INCIDENT PLACE        servers/PLACE/printed has its last output; null - after a failed start
    core             PID INCIDENT PLACE CAUSE  servers/PLACE/core has the path of its core; CAUSE: how it ended
    backtrace        PID INCIDENT PLACE CAUSE  servers/PLACE/backtrace has the frames of that core, or is empty
    unlogged                                   the open incident that was recalled is not in history.jsonl
    want             WORD                      what the operator wants of it, if not up: down paused
    drifted          PID TEXT                  it lives and is as conf was, not as conf is; TEXT: what is not
    hung             PID TEXT                  it lives and does not serve
    limit            PID ACTION KEY TEXT       it exceeds the limit of KEY; ACTION as in conf: alert restart
    cleared          PID KEY TEXT              that is over; KEY may be hung
    stuck            PID TEXT                  the order to end it is carried out, and it lives; TEXT as in the order
    due              PID TEXT                  it is time for its restart
    around           PID KEY INCIDENT HOW TEXT a command of its life; HOW: well failed
    overlap          PID OLD MS                it is the server now, beside the process OLD, which is being ended
    stopped          PID TOOK                  the order to stop it is carried out; PID 0: nothing ran; TOOK: of Ending
    unstopped        PID LEFT                  the order to stop it has failed: LEFT lives, it is PID or what that left
    held             TOKEN                     this machine has its lock, in the fleet; TOKEN grows with each hold
    lost             HOW TEXT                  it has not; HOW: fenced silent taken twin conflict refused moved
    elsewhere        HOST                      HOST has its lock; - if none has, -down or -paused if none may
    unclaimed        -                         it could not run here, and no other machine has taken it
    fleet            HOW TEXT                  etcd does not answer: lost; or answers again: back
    locked           PID                       the monitor PID watches it
    order            WORD TOKEN BY ARG         an operator's order, checked; WORD as in watch/operators.py, BY: a uid
    answered         TOKEN                     the answer to that order is written
    update                                     an operator has made a plan, in RUN_DIR/plan
    quit                                       an operator wants the monitor to end
    wake                                       the answer to wake
    reloaded                                   the new conf is in force; from now on numbers are those of RUN_DIR/plan
    ready                                      the first look is over
    tick                                       an interval has passed; the shell wanted to know, or may stand still
    say              TEXT                      something a person should know
    hook             OUTCOME HOOK TEXT         what became of an alert

Orders, shell to helper, fields separated by TABs; N is the server's number:

    order            fields                    what it means
    start            N WAIT RESTARTS MEMORY    start it after WAIT ms; MEMORY is a word the shell wants back from recall
    leave            N STATE RESTARTS MEMORY TEXT REMEDY  do not start it; STATE says why, REMEDY the way out
    keep             N RESTARTS MEMORY AFTER   only remember; AFTER the next death: start at once, or ask
    stop             N                         end it, and what it started
    acknowledged     N                         stop repeating its event
    end              N PID TEXT                end the process, it does not serve; `down` follows, with TEXT as CAUSE
    want             N WORD                    remember what the operator wants: up down paused
    signal           N NAME TOKEN              send it a signal, and answer TOKEN
    reread           N TOKEN                   have it reload, and answer TOKEN
    overlap          N TOKEN                   have a new process replace it without a gap, and answer TOKEN
    claim            N                         have its lock as soon as no other machine has it
    release          N STATE                   let another machine have its lock; STATE is that of the server here
    answer           N TOKEN TEXT              answer the operator who gave the order TOKEN: `0`, or a status and why
    alert            N EVENT HOOKS INCIDENT COUNT PID CAUSE ACTION TEXT   queue an alert for each of HOOKS
    reload                                     take over the conf in RUN_DIR/settled.new
    updated                                    the plan of an update is carried out
    update                                     start update.py, as an operator would
    print            STREAM TEXT               print a line; STREAM: 1 or 2
    syslog           TEXT                      send a line to syslog
    wake                                       send wake: a signal does not end a read in every shell
    tick                                       send tick when the interval is over

The end of the orders is the end of the shell, and so of this process; servers live on.
"""

from __future__ import annotations


def table(heading: str) -> dict[str, list[str]]:
    """The words below a heading (`event`, `order`) of the table above, and the names of their fields."""
    found: dict[str, list[str]] = {}
    below = False
    for line in (__doc__ or "").split("\n"):
        words = line.split()
        if below and not words:
            break
        if below:
            fields = line[21:].split("  ")[0].split()
            found[words[0]] = fields
        below = below or words[:2] == [heading, "fields"]
    return found
