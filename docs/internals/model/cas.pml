/* ===========================================================================
 * cas.pml - no lost update and no double application when replies are lost and
 * commands are retried (client reconnect), including a late "ghost" execution of
 * the first attempt after the retry.
 * Two writers add 1 to a counter kept in the session: read, then CAS with a random
 * idempotency tag.  The record stores the tag of its last writer; a retry that finds
 * its own tag is acknowledged without writing.
 * Ablation -DM_NOTAG: no tag; -DM_NOCAS: plain SET.
 * Ghost: applied[w] = number of times the increment of writer w has been executed.
 * =========================================================================*/
#define W 2
byte val, tag;                       /* record                                            */
byte fresh = 1;
byte acked, applied[W];
bool maybe[W];                       /* writer was told "conflict, maybe applied"          */
active [W] proctype Writer() {
  byte w = _pid, base, bTag, my, tries; bool ghost, ok, replied, sentTwice;
again:
  atomic { base = val; bTag = tag; my = fresh; fresh++; tries = 0; ghost = false; sentTwice = false; replied = false;
    printf("writer %d reads %d with tag %d, sends %d with tag %d\n", w, base, bTag, base + 1, my) }
send:
  do
  :: atomic { !replied ->                                   /* Redis executes the attempt */
       ok = false;
       if
#ifdef M_NOCAS
       :: true -> val = base + 1; tag = my; applied[w]++; ok = true
#else
#ifndef M_NOTAG
       :: tag == my -> ok = true                            /* replay */
#endif
       :: tag == bTag -> val = base + 1; tag = my; applied[w]++; ok = true
       :: else -> ok = false
#endif
       fi; replied = true; printf("redis: attempt of writer %d, accepted %d; now %d with tag %d\n", w, ok, val, tag) }
  :: atomic { tries < 1 -> tries++; replied = false; sentTwice = true;      /* reply lost: reconnect, resend; */
       if :: ghost = true :: ghost = false fi;                             /* first copy may still be queued */
       printf("FAULT: reply to writer %d lost; sends again, the first may still come %d\n", w, ghost) }
  :: atomic { ghost -> ghost = false;
       if
#ifdef M_NOCAS
       :: true -> val = base + 1; tag = my
#else
#ifndef M_NOTAG
       :: tag == my -> skip
#endif
       :: tag == bTag -> val = base + 1; tag = my; applied[w]++
       :: else
#endif
       fi; printf("redis: first attempt of writer %d, late; now %d with tag %d\n", w, val, tag) }
  :: atomic { replied && ok && !ghost -> acked++; printf("writer %d is acknowledged\n", w); break }
  :: atomic { replied && !ok && !ghost -> printf("writer %d has a conflict, after a retry %d\n", w, sentTwice);
       if
       :: sentTwice -> maybe[w] = true; break               /* maybe applied: the caller decides */
       :: !sentTwice && fresh < 6 -> goto again             /* definite conflict: re-read and retry */
       :: !sentTwice && fresh >= 6 -> break
       fi }
  od;
  atomic {
    assert(applied[w] <= 1);                                /* never applied twice */
    assert(!(maybe[w] && applied[w] == 1 && val == 1));     /* applied, nobody else wrote, yet reported as conflict */
  }
}
/* every acknowledged increment is in the value */
active proctype Check() {
end: do :: d_step { val < acked -> assert(val >= acked) } od
}
