/* ===========================================================================
 * clusess.pml - the coherence protocol: a leased, chained near cache.
 *
 * One partition, one observed session, N store nodes, one Redis (master + one
 * asynchronously trailing replica that a failover promotes).
 *
 * Two leases per node, both counted from the SEND time of the beat that renews them
 *   reg lease   (rl)    renewed by the beat script's reply on the command connection
 *   cache lease (lease) renewed by the same beat's message on the subscription
 * What a node may serve, and until when
 *   cached value   : only while the cache lease runs
 *   read-through   : the GET is sent only while the reg lease runs; its reply is
 *                    served only if that lease has not lapsed in between and
 *                    now < sendTime(GET) + D
 * A BEAT is a *write script*: it enters the node in the partition's registry and
 * PUBLISHes the chain head to the node's own subscription, so that its arrival
 * proves every earlier invalidation on that connection has been processed (FIFO)
 * and that this master still takes writes.
 *
 * Every mutation is one Lua script: check, write the record with a fresh random
 * tag, move the partition's chain  prev -> tag, PUBLISH (prev,tag).
 * A subscriber that sees prev (or a BEAT's tag) differ from the tag it saw last
 * has missed something (drop, failover, lost write): it flushes.  Tags are never
 * reused, so a diverged history can never look contiguous again.
 *
 * The revoker returns when D has passed since the reply to its DESTROY, or when
 * every registered node has acknowledged, its own DESTROY has come back in the
 * chain, and 2*D have passed since it last (re)synchronised.  Twice: a registry
 * that was lost may have had a node that sends a GET until its lease from there
 * ends, up to D after the loss, and may serve the reply up to D after sending.
 *
 * Time is discrete.  Every timer is relative and saturating, hence a finite
 * state space with an unbounded clock.  Nothing is urgent: a paused or isolated
 * node is one that takes no step while the clock ticks.
 *
 * Budgets (override with -D): N nodes, MAXP compare-and-set writes by the nodes, MAXE
 * writes of the session by an unmodelled node, MAXO writes of other sessions, DROPS
 * subscriber connection drops, FAILS failovers (each loses what the replica has
 * not got), DO_DESTROY revocation by node 0.
 *   -DKEEP    : failover does NOT break client connections (demote-in-place)
 *   -DKEEPDROP: as KEEP, and the messages still in the streams are lost (proxy)
 *   -DDURABLE : revoke() also waits until the replica has the tombstone
 *   -DNO_I5   : do not check I5 (needed by it: node 0 keeps beating after the revoke)
 *   -DNO_I2   : do not check I2 (shows what breaks besides)
 *   -DSKEW    : a node's clock may run up to one tick slow per lease and per GET; the
 *               revoker waits D+1
 *   -DREAD0   : node 0 reads and caches as well (otherwise only the others read)
 *   -DNOSUB1  : node 1 never subscribes: it only reads through (much smaller state space)
 *   -DREAP    : node 0 first revokes ANOTHER session, then removes from the registry
 *               the nodes that have not sent a beat since (after WAIT), and only then
 *               revokes the observed session
 * Probes (must FAIL, they show the interesting states are reached): PROBE_FAST PROBE_SLOW PROBE_TIGHT
 * Ablations (each removes one mechanism; each must yield a counterexample, except
 * M_SPLITPUB, which shows that the chain alone already bounds a lost PUBLISH, and
 * M_UNREGREAD without M_GETONLY: of the two checks of the reg lease, at sending and
 * at serving, the second implies the first):
 *   M_NOLEASE M_RECVLEASE M_TIMERLEASE M_NOPOISON M_NOPUTPOISON M_NOCHAIN
 *   M_NOFLUSH M_LATEREPLY M_NOTRUST M_SHORTTRUST M_NOECHO M_SPLITALL M_BLIND
 *   M_WAITFROMSEND M_NOLRM M_NOREG M_DRIFTWAIT M_UNREGREAD M_GETONLY M_NOLAPSE
 *   M_NOEPOCH M_NOREASSERT M_NODIRTY
 * =========================================================================*/
#ifndef N
#define N 2
#endif
#ifndef D
#define D 2
#endif
#ifndef MAXP
#define MAXP 1
#endif
#ifndef MAXO
#define MAXO 0
#endif
#ifndef MAXE
#define MAXE 0
#endif
#ifndef DROPS
#define DROPS 1
#endif
#ifndef FAILS
#define FAILS 0
#endif
#ifndef DO_DESTROY
#define DO_DESTROY 1
#endif
#ifdef KEEPDROP
#define KEEP
#endif
#ifndef Q
#define Q 3                     /* stream capacity; overflow = Redis drops the client */
#endif
#ifdef SKEW
#ifdef M_DRIFTWAIT
#define WAIT D
#else
#define WAIT (D+1)
#endif
#define BOUND (D+1)             /* the bound as a true-time observer sees it   */
#else
#define WAIT D
#define BOUND D
#endif
#ifdef M_SHORTTRUST
#define TRUST WAIT
#else
#define TRUST (2*WAIT)          /* the registry is trusted this long after a (re)sync */
#endif
#define REAPWAIT WAIT           /* a node silent for this long may be unregistered    */
#ifdef REAP
#define XT 1
#else
#define XT 0
#endif
#define NT (3 + XT + MAXP + MAXO + MAXE + DO_DESTROY*(1+FAILS*N) + 2*FAILS)

mtype = { BEAT, PUT, DEL, OTH };
mtype = { down, syncing, ready };

/* ---- Redis master and what the replica already has ------------------------ */
bool live = true;   bool r_live = true;      /* record present (else tombstone) */
byte rt = 1;        byte r_rt = 1;           /* tag of the record / tombstone   */
byte ct = 1;        byte r_ct = 1;           /* chain head of the partition     */
bool reg[N];        bool r_reg[N];           /* lease registry                  */
byte fresh = 2;                              /* stands for 64 random bits       */
bool rsync = true;                            /* (DURABLE) the replica has acknowledged the last write */
bool newm;                                   /* this master has not yet seen a beat or a revoke */
byte puts = MAXP, envs = MAXE, others = MAXO, drops = DROPS, fails = FAILS;

/* ---- node state ------------------------------------------------------------ */
chan sub[N] = [Q] of { mtype, byte, byte };  /* kind, prev, tag                 */
bool srvSub[N];                              /* subscription alive at Redis     */
mtype ns[N] = down;
byte last[N];                                /* last chain tag processed        */
byte lease[N];                               /* cache lease, ticks left         */
byte rl[N];                                  /* registration lease, ticks left  */
bool skew[N];                                /* slow-clock allowance used       */
#ifdef SKEW
bool rskew[N], fskew[N];                     /* the same for rl and for fA      */
#define UNSKEW(allowance) allowance = false
#else
#define UNSKEW(allowance) skip
#endif
byte cT[N];                                  /* cached record tag, 0 = none     */
bool lrm[N];                                 /* node remembers: session is dead */
byte fS[N], fT[N], fL[N], fA[N]; bool fP[N]; /* fetch: state, reply, last tag seen, age, not cacheable */
bool fX[N];                                  /* fetch: registration lapsed meanwhile, not servable */
byte hT[N];                                  /* tag a request handler still holds */
byte pS[N], pB[N], pT[N], pL[N]; bool pP[N]; /* put: state, base, reply, last tag seen, poisoned */
byte bS[N], bA[N];                           /* beat: 0 idle 1 sent 2 executed; age */
#ifdef M_TIMERLEASE
bool ok[N];                                  /* "lease valid" flag kept by a timer callback */
#endif
#if defined(M_SPLITPUB) || defined(M_SPLITALL)
byte spPrev[N], spTag[N];                    /* PUBLISH still to be sent by the writer */
#endif

/* ---- revoke by node 0 -------------------------------------------------------- */
byte dS;                 /* 0 idle 1 sent 2 executed 3 waiting 4 returned          */
byte dTag, need, ackd, dW, trust; bool echo;
bool dRep;               /* (DURABLE) the replica confirmed the tombstone             */
bool dDirty;             /* node 0 (re)synchronised while its DESTROY was in flight     */
#ifdef REAP
byte xS, xW;             /* the earlier revocation: 0 idle 1 sent 2 waiting 3 reap sent 4 done */
bool mark[N];            /* a beat has run since that revocation                    */
#endif
bool reas[N];            /* re-assertion of a remembered revocation in flight      */

/* ---- ghosts ------------------------------------------------------------------ */
byte over[NT];           /* ticks since the tag stopped being the current record    */
bool destroyed, revoked, lossy;
bool heard[N];           /* the node has processed the revocation                   */
bool usedBase[NT];

byte _x;                 /* scratch, always 0 between steps */
#ifdef DURABLE
#define REPLICATED dRep                    /* WAIT was answered while the tombstone was in place */
#define CANLOSE (!rsync)
#else
#define REPLICATED true
#define CANLOSE true
#endif
#define BIT(n) (1 << (n))
#if defined(READ0) || N == 1
#define READS(n) true
#else
#define READS(n) (n != 0)  /* node 0 only writes and revokes: much smaller state space */
#endif
#if (FAILS > 0 && !defined(NO_I5)) || defined(READ0) || N == 1
#define BEATS(n) true
#else
#define BEATS(n) (n != 0 || dS != 4)   /* its later beats change nothing any more */
#endif

inline serve(n, tag) {
#ifdef PROBE_TIGHT
  assert((live && tag == rt) || over[tag] + 1 < BOUND);     /* the bound is tight: this must fail */
#endif
  printf("node %d SERVES tag %d; current %d live %d; overwritten for %d ticks\n", n, tag, rt, live, over[tag]);
#ifdef DURABLE
  assert(!revoked);                                             /* I1, also across failover */
#else
  assert(!revoked || lossy);                                    /* I1 */
#endif
#ifndef NO_I2
  assert((live && tag == rt) || over[tag] < BOUND);             /* I2 */
#endif
  assert(!heard[n]);                                            /* I3 for informed nodes, whatever Redis says */
  if
  :: MAXP > 0 && puts > 0 && hT[n] == 0 -> hT[n] = tag
  :: skip
  fi
}

inline flush(n) {        /* O(1) generation bump in the implementation */
  cT[n] = 0; fP[n] = (fS[n] != 0); pP[n] = (pS[n] != 0)
}

/* Append to every live subscription; a full stream = output buffer limit = drop. */
inline publish(kind, a, b) {
  i = 0;
  do
  :: i < N ->
     if
     :: srvSub[i] && len(sub[i]) < Q -> sub[i]!kind(a, b)
     :: srvSub[i] && len(sub[i]) == Q -> srvSub[i] = false
     :: else
     fi;
     i++
  :: else -> break
  od;
  i = 0
}

inline snapReplica() {   /* r_* = state before the last write; a failover may or may not lose that write */
#if FAILS > 0
  rsync = false;
  r_live = live; r_rt = rt; r_ct = ct;
  i = 0; do :: i < N -> r_reg[i] = reg[i]; i++ :: else -> break od; i = 0
#else
  skip
#endif
}

inline breakConns() {
  i = 0;
  do
  :: i < N ->
#ifndef KEEP
     srvSub[i] = false;
#endif
#ifdef KEEPDROP
     do :: len(sub[i]) > 0 -> sub[i]?_,_,_ :: len(sub[i]) == 0 -> break od;
#endif
     i++
  :: else -> break
  od;
  i = 0
}

inline setRecord(alive, tag) {
  if :: live -> over[rt] = 0 :: else fi;
  live = alive; rt = tag
}

/* kind, alive: one atomic script = record write + chain step + PUBLISH */
inline commit(kind, alive) {
  snapReplica();
  setRecord(alive, fresh);
#ifdef M_SPLITPUB                /* SET and chain move atomic, PUBLISH separate: still safe (chain) */
  spPrev[n] = ct; spTag[n] = fresh; ct = fresh;
#else
#ifdef M_SPLITALL                /* SET alone, chain move + PUBLISH separate */
  spTag[n] = fresh;
#else
  publish(kind, ct, fresh);
  ct = fresh;
#endif
#endif
  fresh++
}

inline renewReg(n) {     /* a beat was confirmed */
#ifndef M_NOLAPSE
  if :: rl[n] == 0 && fS[n] != 0 -> fX[n] = true :: else fi;
#endif
  if :: READS(n) && D - bA[n] > rl[n] -> rl[n] = D - bA[n]; UNSKEW(rskew[n]) :: else fi
}

#ifdef M_GETONLY
#define REGOK(n) true
#else
#define REGOK(n) (rl[n] > 0 && !fX[n])
#endif

inline reassert(n) {     /* history changed: repeat the revocations this node remembers */
#if FAILS > 0 && DO_DESTROY && !defined(M_NOREASSERT)
  if :: lrm[n] -> reas[n] = true :: else fi
#else
  skip
#endif
}

/* Redis side of beat and revoke: first one on a freshly promoted master moves the
 * chain, so that nobody can mistake the new history for the old one.            */
inline epoch() {
#if FAILS > 0 && !defined(M_NOEPOCH)
  if :: newm -> newm = false; ct = fresh; fresh++ :: else fi
#else
  skip
#endif
}

inline chainCheck(n, expect) {
#ifndef M_NOCHAIN
  if
  :: ns[n] == ready && expect != last[n] -> flush(n); reassert(n);
     if :: n == 0 -> trust = TRUST; echo = false; dDirty = (dS == 1 || dS == 2) :: else fi;
     printf("node %d CHAIN BREAK (expected %d, has %d)\n", n, expect, last[n])
  :: else
  fi
#else
  skip
#endif
}

proctype Node(byte n) {
  byte i;
end:
  do
  /* ================= reads ================================================= */
#ifdef M_NOLEASE
  :: atomic { ns[n] == ready && cT[n] != 0 && !lrm[n] -> serve(n, cT[n]) }
#else
#ifdef M_TIMERLEASE
  :: atomic { ns[n] == ready && ok[n] && cT[n] != 0 && !lrm[n] -> serve(n, cT[n]) }
  :: atomic { ok[n] && lease[n] == 0 -> ok[n] = false }          /* the timer callback */
#else
  :: atomic { ns[n] == ready && lease[n] > 0 && cT[n] != 0 && !lrm[n] -> serve(n, cT[n]) }
#endif
#endif
#ifdef M_UNREGREAD
  :: d_step { READS(n) && cT[n] == 0 && fS[n] == 0 && !lrm[n] -> fS[n] = 1;
#else
  :: d_step { READS(n) && cT[n] == 0 && fS[n] == 0 && !lrm[n] && rl[n] > 0 -> fS[n] = 1;
#endif
       fA[n] = 0; fL[n] = 0; fP[n] = false;
       printf("node %d sends GET\n", n) }
  :: d_step { fS[n] == 1 -> fS[n] = 2; fT[n] = (live -> rt : 0); printf("redis: GET of node %d -> %d\n", n, fT[n]) }
  :: atomic { fS[n] == 2 ->
       printf("node %d GET reply %d (poisoned %d, seen %d, age %d)\n", n, fT[n], fP[n], fL[n], fA[n]);
       if
#ifdef M_LATEREPLY
       :: fT[n] != 0 && !lrm[n] && REGOK(n) -> serve(n, fT[n])
#else
       :: fT[n] != 0 && !lrm[n] && fA[n] < D && REGOK(n) -> serve(n, fT[n])
#endif
       :: else
       fi;
       if
#ifdef M_NOPOISON
       :: fT[n] != 0 && !lrm[n] && ns[n] == ready && fA[n] < D -> cT[n] = fT[n]
#else
       :: fT[n] != 0 && !lrm[n] && ns[n] == ready && fA[n] < D && !fP[n] && !fX[n] && (fL[n] == 0 || fL[n] == fT[n]) -> cT[n] = fT[n]
#endif
       :: else
       fi;
       fS[n] = 0; fT[n] = 0; fL[n] = 0; fA[n] = 0; fP[n] = false; fX[n] = false; UNSKEW(fskew[n]) }

  /* ================= compare-and-set write by a (possibly slow) handler ===== */
#if MAXP > 0
  :: d_step { pS[n] == 0 && hT[n] != 0 && puts > 0 ->
       puts--; pS[n] = 1; pB[n] = hT[n]; hT[n] = 0; pL[n] = 0; pP[n] = false; printf("node %d sends CAS base %d\n", n, pB[n]) }
  :: d_step { pS[n] == 1 ->
       if
#ifdef M_BLIND
       :: true ->
#else
       :: live && rt == pB[n] ->
#endif
            assert(!destroyed || lossy);                           /* I3: no resurrection */
            pT[n] = fresh; commit(PUT, true); printf("redis: CAS of node %d ok -> %d\n", n, rt)
#ifndef M_BLIND
       :: else -> pT[n] = 0; printf("redis: CAS of node %d CONFLICT\n", n)
#endif
       fi; pS[n] = 2 }
#if defined(M_SPLITPUB) || defined(M_SPLITALL)
#ifdef M_SPLITPUB
  :: d_step { spTag[n] != 0 -> publish(PUT, spPrev[n], spTag[n]); spTag[n] = 0; spPrev[n] = 0 }
#else
  :: d_step { spTag[n] != 0 -> publish(PUT, ct, spTag[n]); ct = spTag[n]; spTag[n] = 0 }
#endif
  :: d_step { spTag[n] != 0 -> spTag[n] = 0; spPrev[n] = 0 }       /* writer died in between */
#endif
  :: d_step { pS[n] == 2 ->
       if
       :: pT[n] != 0 ->
            assert(!usedBase[pB[n]] || lossy); usedBase[pB[n]] = true;   /* I4: no lost update */
#ifdef M_NOPUTPOISON
            if :: ns[n] == ready && !lrm[n] -> cT[n] = pT[n]
#else
            if :: ns[n] == ready && !lrm[n] && !pP[n] && (pL[n] == 0 || pL[n] == pT[n]) -> cT[n] = pT[n]
#endif
               :: else fi
       :: else
       fi;
       pS[n] = 0; pT[n] = 0; pB[n] = 0; pL[n] = 0; pP[n] = false; printf("node %d CAS reply; cached %d\n", n, cT[n]) }
#endif

  /* ================= beat = lease renewal ==================================== */
  :: d_step { bS[n] == 0 && BEATS(n) -> bS[n] = 1; bA[n] = 0; printf("node %d sends BEAT\n", n) }
  :: d_step { bS[n] == 1 ->                                         /* Redis runs the beat script */
       epoch();
       if :: !reg[n] -> snapReplica(); reg[n] = true :: else fi;
#ifdef REAP
       mark[n] = true;
#endif
       if
       :: srvSub[n] && len(sub[n]) < Q -> sub[n]!BEAT(0, ct)
       :: srvSub[n] && len(sub[n]) == Q -> srvSub[n] = false
       :: else
       fi;
       bS[n] = 2; printf("redis: BEAT of node %d, chain %d\n", n, ct) }
  :: d_step { READS(n) && bS[n] == 2 && D - bA[n] > rl[n] -> renewReg(n); printf("node %d BEAT reply: registered\n", n) }
  /* No message is on its way: the next beat may follow at once. A node must not need its subscription to renew rl. */
  :: d_step { bS[n] == 2 && !(sub[n]??[BEAT,_,_]) -> bS[n] = 0; bA[n] = 0 }

  /* ================= the subscription stream ================================== */
  :: d_step { ns[n] != down && sub[n]?[BEAT,_,_] -> sub[n]?BEAT(i, i);
       printf("node %d gets BEAT chain %d, age %d\n", n, i, bA[n]);
       if
       :: ns[n] == syncing -> flush(n); if :: i != last[n] -> reassert(n) :: else fi; ns[n] = ready; if :: n == 0 -> trust = TRUST; dDirty = (dS == 1 || dS == 2) :: else fi
       :: else -> chainCheck(n, i)
       fi;
       last[n] = i;
#ifdef M_RECVLEASE
       lease[n] = D; skew[n] = false;
#else
       if :: READS(n) && D - bA[n] > lease[n] -> lease[n] = D - bA[n]; skew[n] = false :: else fi;
       renewReg(n);
#endif
#ifdef M_TIMERLEASE
       ok[n] = (lease[n] > 0);
#endif
       bS[n] = 0; bA[n] = 0; i = 0 }
  :: d_step { ns[n] != down && sub[n]?[PUT,_,_] -> sub[n]?PUT(i, _x);
       printf("node %d gets PUT %d->%d\n", n, i, _x);
       chainCheck(n, i); last[n] = _x;
       if :: cT[n] != _x -> cT[n] = 0 :: else fi;
       if :: fS[n] != 0 -> fL[n] = _x :: else fi;
       if :: pS[n] != 0 -> pL[n] = _x :: else fi;
       i = 0; _x = 0 }
  :: d_step { ns[n] != down && sub[n]?[OTH,_,_] -> sub[n]?OTH(i, _x);
       printf("node %d gets OTH %d->%d\n", n, i, _x);
       chainCheck(n, i); last[n] = _x; i = 0; _x = 0 }
  :: d_step { ns[n] != down && sub[n]?[DEL,_,_] -> sub[n]?DEL(i, _x);
       printf("node %d gets DEL %d->%d, evicts, acks\n", n, i, _x);
       chainCheck(n, i);
       if :: n == 0 && ns[0] == ready && _x == dTag && i == last[0] -> echo = true :: else fi;
       last[n] = _x;
       cT[n] = 0;
       heard[n] = true;
#ifndef M_NOLRM
       lrm[n] = true;
#endif
       if :: fS[n] != 0 -> fL[n] = _x; fP[n] = true :: else fi;
       if :: pS[n] != 0 -> pL[n] = _x; pP[n] = true :: else fi;
       ackd = ackd | BIT(n);
       i = 0; _x = 0 }
  /* -- connection loss noticed (any time later, or never), reconnect ------------ */
  :: d_step { ns[n] != down && !srvSub[n] ->
       printf("node %d notices the dead connection\n", n);
       do :: len(sub[n]) > 0 -> sub[n]?_,_,_ :: len(sub[n]) == 0 -> break od;
       ns[n] = down; bS[n] = 0; bA[n] = 0;
#if FAILS == 0
       last[n] = 0;
#endif
#ifndef M_NOFLUSH
       flush(n); lease[n] = 0; skew[n] = false;
#endif
       if :: n == 0 -> echo = false :: else fi }
#ifdef NOSUB1                /* node 1 stays a pure read-through node */
  :: d_step { n == 0 && ns[n] == down -> srvSub[n] = true;
#else
  :: d_step { ns[n] == down -> srvSub[n] = true;
#endif
       ns[n] = syncing; printf("node %d (re)subscribes\n", n);
#ifdef M_NOFLUSH
       ns[n] = ready; last[n] = ct;
#endif
     }

  /* ================= revoke, on node 0 ========================================= */
#if DO_DESTROY
#ifdef REAP
  :: d_step { n == 0 && dS == 0 && xS == 4 -> dS = 1;
#else
  :: d_step { n == 0 && dS == 0 -> dS = 1;
#endif
#ifdef M_WAITFROMSEND
       dW = WAIT;
#endif
       printf("node 0 sends DESTROY\n") }
  :: d_step { n == 0 && dS == 1 ->
       epoch();
       dTag = fresh; need = 0;
       i = 0; do :: i < N -> if :: reg[i] -> need = need | BIT(i) :: else fi; i++ :: else -> break od; i = 0;
       destroyed = true; commit(DEL, false); dS = 2; printf("redis: DESTROY, registry %d\n", need) }
  :: d_step { n == 0 && dS == 2 ->                                 /* reply: evict own copy, start the wait */
       cT[0] = 0;
       heard[0] = true;
#ifndef M_NOLRM
       lrm[0] = true;
#endif
       fP[0] = (fS[0] != 0); pP[0] = (pS[0] != 0);
#ifndef M_NODIRTY
       if :: dDirty -> reassert(0); dDirty = false :: else fi;     /* the reply may describe a lost history */
#endif
#ifndef M_WAITFROMSEND
       dW = WAIT;
#endif
       dS = 3; printf("node 0 DESTROY acknowledged, waits\n") }
  :: d_step { n == 0 && dS == 3 && REPLICATED &&
       ( dW == 0                                                   /* every older lease is over */
#ifdef M_NOREG
         || ((ackd & 1) == 1)                                      /* own ack only, nobody else asked */
#else
         || ((need & ~ackd) == 0
#ifndef M_NOECHO
             && echo
#endif
#ifndef M_NOTRUST
             && trust == 0
#endif
            )
#endif
       )
       -> 
#ifdef PROBE_FAST
       assert(!(dW == WAIT && need == 3));           /* both nodes had to be asked, and no tick passed */
#endif
#ifdef PROBE_SLOW
       assert(dW > 0);
#endif
       dS = 4; revoked = true; printf("node 0 REVOKE RETURNS (wait left %d, echo %d, trust %d)\n", dW, echo, trust) }
#endif

#ifdef REAP
  :: d_step { n == 0 && xS == 0 && dS == 0 -> xS = 1 }
  :: d_step { n == 0 && xS == 1 -> i = 0; do :: i < N -> mark[i] = false; i++ :: else -> break od; i = 0;
       publish(OTH, ct, fresh); ct = fresh; fresh++; xW = REAPWAIT; xS = 2; printf("redis: revokes another session\n") }
  :: d_step { n == 0 && xS == 2 && xW == 0 -> xS = 3 }
  :: d_step { n == 0 && xS == 3 -> i = 0; do :: i < N -> if :: !mark[i] -> reg[i] = false :: else fi; i++ :: else -> break od; i = 0;
       xS = 4; printf("redis: reaps silent nodes, registry now %d %d\n", reg[0], reg[1]) }
#endif

  /* ================= re-assertion after a chain break ========================= */
#if FAILS > 0 && DO_DESTROY
  :: d_step { reas[n] -> reas[n] = false;
       if :: live -> commit(DEL, false); printf("redis: node %d re-asserts DESTROY\n", n) :: else fi }
#endif
  od
}

proctype World() {
  byte i; byte n;
end:
  do
  :: d_step {                                                       /* one tick of true time */
       i = 0;
       printf("tick\n");
       do
       :: i < N ->
          if :: lease[i] > 0 -> lease[i]-- :: else fi;
          if :: rl[i] > 0 -> rl[i]-- :: else fi;
          if :: fS[i] != 0 && fA[i] < D -> fA[i]++ :: else fi;
          if :: READS(i) && bS[i] != 0 && bA[i] < D -> bA[i]++ :: else fi;
          i++
       :: else -> break
       od;
       if :: dW > 0 && (dS == 3 || dS == 1 || dS == 2) -> dW-- :: else fi;
       if :: trust > 0 -> trust-- :: else fi;
#ifdef REAP
       if :: xW > 0 -> xW-- :: else fi;
#endif
       i = 1;
       do
       :: i < NT -> if :: (!live || i != rt) && i < fresh && over[i] < BOUND -> over[i]++ :: else fi; i++
       :: else -> break
       od;
       i = 0 }
#ifdef SKEW
  /* node clocks may lag: give one tick back, once per lease and once per GET */
  :: d_step { lease[0] > 0 && lease[0] < D && !skew[0] -> lease[0]++; skew[0] = true }
  :: d_step { rl[0] > 0 && rl[0] < D && !rskew[0] -> rl[0]++; rskew[0] = true }
  :: d_step { fA[0] > 0 && fA[0] < D && !fskew[0] -> fA[0]--; fskew[0] = true }
#if N > 1
  :: d_step { lease[1] > 0 && lease[1] < D && !skew[1] -> lease[1]++; skew[1] = true }
  :: d_step { rl[1] > 0 && rl[1] < D && !rskew[1] -> rl[1]++; rskew[1] = true }
  :: d_step { fA[1] > 0 && fA[1] < D && !fskew[1] -> fA[1]--; fskew[1] = true }
#endif
#endif
#if DROPS > 0
  :: d_step { drops > 0 && srvSub[0] -> srvSub[0] = false; drops--; printf("FAULT: link of node 0\n") }
#if N > 1
  :: d_step { drops > 0 && srvSub[1] -> srvSub[1] = false; drops--; printf("FAULT: link of node 1\n") }
#endif
#endif
#if MAXE > 0
  :: d_step { envs > 0 && live -> envs--; n = 0;
       assert(!usedBase[rt] || lossy); usedBase[rt] = true;        /* it, too, is an acknowledged CAS */
       commit(PUT, true); printf("redis: write of the session by somebody else -> %d\n", rt) }
#endif
#if MAXO > 0
  :: d_step { others > 0 -> others--; snapReplica(); publish(OTH, ct, fresh); ct = fresh; fresh++; printf("redis: write of another session -> %d\n", ct) }
#endif
#if FAILS > 0
#ifdef DURABLE
  :: d_step { !rsync -> rsync = true; if :: dTag != 0 && rt == dTag -> dRep = true :: else fi }                              /* replica acknowledges */
#endif
  :: d_step { fails > 0 -> fails--; newm = true; printf("FAULT: failover, nothing lost\n"); breakConns() }
  :: d_step { fails > 0 && CANLOSE -> fails--; newm = true; printf("FAULT: failover, last write lost\n");
       if
       :: r_rt != rt -> lossy = true;
            if :: live -> over[rt] = 0 :: else fi;
            live = r_live; rt = r_rt; over[rt] = 0
       :: else
       fi;
       ct = r_ct;
       i = 0; do :: i < N -> reg[i] = r_reg[i]; i++ :: else -> break od;
       breakConns() }
#if DO_DESTROY && N > 1 && !defined(M_NOLRM) && !defined(NO_I5)
  /* I5: an informed, synchronised node never coexists with a live record unless
   * its re-assertion is on the way                                              */
  :: d_step { live && !newm && ((lrm[0] && ns[0] == ready && last[0] == ct && !reas[0]) ||
                      (lrm[1] && ns[1] == ready && last[1] == ct && !reas[1])) -> assert(!live) }
#endif
#endif
  od
}

init { atomic { run World(); run Node(0)
#if N > 1
  ; run Node(1)
#endif
#if N > 2
  ; run Node(2)
#endif
} }
