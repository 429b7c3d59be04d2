/* ===========================================================================
 * naive.pml - the obvious design, for comparison: write, then publish, and let every
 * node drop its copy when it hears of it.  Modelled to obtain counterexamples.
 *
 *   read   : local cache hit -> serve; miss -> GET, put the reply in the cache
 *   write  : SET, put own copy in the cache, then a SEPARATE best-effort PUBLISH
 *   delete : DEL, evict own copy,           then a SEPARATE best-effort PUBLISH
 *   sub    : evict on message; on connection loss: resubscribe, nothing else
 *   cache  : entry TTL only; no lease, no revision, no fence
 *
 * Time is discrete; every age is relative and saturating, so the state space is
 * finite although the clock is unbounded.  A paused/GC-ing/partitioned node is
 * simply a node that takes no step while the clock ticks.
 *
 * Select ONE property with -DCHK_I1 / -DCHK_I2 / -DCHK_I3 / -DCHK_I4.
 * Optional restriction, to show that each hole exists on its own:
 *   -DNO_FAULTS : no connection drops, no failed PUBLISH, no crash (pure races)
 * =========================================================================*/
#define N   2
#ifndef D
#define D   2            /* the bound that clusess.pml keeps, in ticks         */
#endif
#ifndef TTL
#define TTL 4            /* local cache TTL in ticks, longer than D            */
#endif
#ifndef MAXW
#define MAXW 2           /* SETs that may execute                              */
#endif
#define Q   2
#define NT  (MAXW+3)

mtype = { INV };

/* ---- Redis ---------------------------------------------------------------*/
bool live = true;        /* key exists                                         */
byte rt   = 1;           /* tag (identity) of the stored value                 */
byte fresh = 2;          /* next unused tag                                    */
byte over[NT];           /* ticks since tag stopped being the stored value     */
bool destroyed;          /* ghost: a DEL has executed                          */
bool revoked;            /* ghost: destroy() has returned to its caller        */
bool usedBase[NT];       /* ghost: an acknowledged write was based on this tag */

/* ---- nodes ---------------------------------------------------------------*/
bool srvSub[N];          /* Redis has the subscription                         */
bool nodeSub[N];         /* the node believes it is subscribed                 */
chan sub[N] = [Q] of { mtype };
byte cT[N], cA[N];       /* cached tag (0 = none), age of the entry            */
byte fS[N], fT[N];       /* fetch: 0 idle 1 sent 2 reply in flight; its tag    */
byte hT[N];              /* value a request handler loaded and still holds     */
byte wS[N], wT[N], wB[N];/* write: 0 idle 1 sent 2 replied 3 about to publish  */
byte dS;                 /* node 0 destroy: 0 idle 1 sent 2 replied 3 publishing 4 returned */
byte drops = 1;

/* -DCACHED_ONLY: check only answers given from the local cache, i.e. ignore
 * reads whose GET merely overlapped the write.                              */
#ifdef CACHED_ONLY
#define CHECKED(c) (c)
#else
#define CHECKED(c) (true)
#endif

inline serve(n, tag, cached) {
  printf("node %d SERVES tag %d (cached=%d), stored tag %d live %d, stale for %d ticks\n", n, tag,
         (cached -> 1 : 0), rt, live, over[tag]);
#ifdef CHK_I1
  assert(!(CHECKED(cached) && revoked));               /* I1 */
#endif
#ifdef CHK_I2
  assert(!CHECKED(cached) || (live && tag == rt) || over[tag] < D);   /* I2 */
#endif
#ifdef CHK_I2TTL                 /* even its own implied bound, the cache TTL  */
  assert(!CHECKED(cached) || (live && tag == rt) || over[tag] <= TTL);
#endif
  if :: hT[n] = tag :: skip fi                         /* a handler may keep it */
}

inline publish(from) {
  i = 0;
  do
  :: i < N ->
     if
     :: i != from && srvSub[i] && len(sub[i]) < Q  -> sub[i]!INV
     :: i != from && srvSub[i] && len(sub[i]) == Q -> srvSub[i] = false /* buffer limit */
     :: else
     fi;
     i++
  :: else -> break
  od;
  i = 0
}

active [N] proctype Node() {
  byte n = _pid;
  byte i;
  atomic { srvSub[n] = true; nodeSub[n] = true }
end:
  do
  /* -- reads ------------------------------------------------------------- */
  :: atomic { cT[n] != 0 -> serve(n, cT[n], true) }
  :: atomic { cT[n] == 0 && fS[n] == 0 -> fS[n] = 1; printf("node %d GET sent\n", n) }
  :: atomic { fS[n] == 1 -> fS[n] = 2; fT[n] = (live -> rt : 0); printf("redis runs GET of node %d -> tag %d\n", n, fT[n]) }       /* Redis runs GET */
  :: atomic { fS[n] == 2 ->                                             /* reply arrives  */
       if :: fT[n] != 0 -> serve(n, fT[n], false); cT[n] = fT[n]; cA[n] = 0
          :: else fi;
       fS[n] = 0; fT[n] = 0; printf("node %d GET reply processed, cached tag %d\n", n, cT[n]) }

  /* -- write of a session loaded earlier (end of request: set_cookies) ----- */
  :: atomic { wS[n] == 0 && hT[n] != 0 && fresh < MAXW+2 ->
       wS[n] = 1; wB[n] = hT[n]; hT[n] = 0; wT[n] = fresh; fresh++; printf("node %d SET sent, tag %d based on %d\n", n, wT[n], wB[n]) }
  :: atomic { wS[n] == 1 ->                                             /* Redis runs SETEX */
#ifdef CHK_I3
       assert(!destroyed);                              /* I3: resurrection   */
#endif
       if :: live -> over[rt] = 0 :: else fi;
       live = true; rt = wT[n]; wS[n] = 2; printf("redis runs SET of node %d tag %d\n", n, rt) }
  :: atomic { wS[n] == 2 ->                                             /* reply arrives */
#ifdef CHK_I4
       assert(!usedBase[wB[n]]);                        /* I4: lost update    */
#endif
       usedBase[wB[n]] = true; wB[n] = 0;
       cT[n] = wT[n]; cA[n] = 0; wS[n] = 3; printf("node %d SET acknowledged, cached\n", n) }
  :: atomic { wS[n] == 3 -> publish(n); wS[n] = 0; wT[n] = 0; printf("node %d PUBLISH\n", n) }
#ifndef NO_FAULTS
  :: atomic { wS[n] == 3 -> wS[n] = 0; wT[n] = 0; printf("node %d PUBLISH LOST (error swallowed / crash)\n", n) }      /* PUBLISH failed or process died */
#endif

  /* -- destroy, issued by node 0 ------------------------------------------ */
  :: atomic { n == 0 && dS == 0 -> dS = 1; printf("node 0 DEL sent\n") }
  :: atomic { n == 0 && dS == 1 -> live = false; over[rt] = 0; destroyed = true; dS = 2; printf("redis runs DEL\n") }
  :: atomic { n == 0 && dS == 2 -> cT[0] = 0; dS = 3; printf("node 0 DEL acknowledged\n") }
  :: atomic { n == 0 && dS == 3 -> publish(0); dS = 4; revoked = true; printf("node 0 PUBLISH; destroy() RETURNS\n") }
#ifndef NO_FAULTS
  :: atomic { n == 0 && dS == 3 -> dS = 4; revoked = true; printf("node 0 PUBLISH LOST; destroy() RETURNS\n") }             /* PUBLISH swallowed */
#endif

  /* -- subscription -------------------------------------------------------- */
  :: atomic { nodeSub[n] && nempty(sub[n]) -> sub[n]?INV; cT[n] = 0; printf("node %d gets invalidation, evicts\n", n) }
  :: atomic { nodeSub[n] && !srvSub[n] && empty(sub[n]) -> nodeSub[n] = false; printf("node %d notices lost subscription\n", n) }
  :: atomic { !nodeSub[n] -> nodeSub[n] = true; srvSub[n] = true; printf("node %d resubscribes, no flush\n", n) }      /* no flush */
  od
}

active proctype World() {
  byte i;
end:
  do
  :: d_step {                                                           /* clock tick */
       i = 0; printf("tick\n");
       do
       :: i < N ->
          if :: cT[i] != 0 && cA[i] + 1 >= TTL -> cT[i] = 0; cA[i] = 0
             :: cT[i] != 0 && cA[i] + 1 <  TTL -> cA[i]++
             :: else fi;
          i++
       :: else -> break
       od;
       i = 1;
       do
       :: i < NT -> if :: (!live || i != rt) && over[i] < TTL+1 -> over[i]++ :: else fi; i++
       :: else -> break
       od;
       i = 0 }
#ifndef NO_FAULTS
  :: atomic { drops > 0 && srvSub[1] -> srvSub[1] = false; drops--; printf("FAULT: subscriber link of node 1 drops\n") }    /* link drop */
#endif
  od
}
