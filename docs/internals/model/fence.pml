/* ===========================================================================
 * fence.pml - split brain: node A stays with the isolated old master M1 while
 * the new master M2 is promoted and the session is overwritten there.
 *   F : ticks after isolation until M1 refuses writes, hence beats
 *       (min-replicas-max-lag + 1 s, or cluster-node-timeout).  255 = never
 *   P : ticks after isolation until M2 accepts writes (down-after-milliseconds...)
 *   D : lease
 * Verified:   P >= F     : nothing older than D is served
 *             P >= F + D : nothing stale is served at all            (-DSTRICT)
 * (in whole ticks the edge is P >= F-1 and P >= F+D-1, since a beat is accepted at t < F)
 * Violated :  P <  F-1, or no fence; -DM_GETONLY (read-through checks the lease only
 *             when the GET is sent); -DM_PINGBEAT (beat = PING/PUBLISH, not a write)
 * =========================================================================*/
#ifndef D
#define D 2
#endif
#ifndef F
#define F 2
#endif
#ifndef P
#define P 2
#endif
#define CAP (F+D+D+2)
byte t;                 /* ticks since isolation (saturates)                 */
bool over; byte age;    /* overwritten at M2; for how many ticks             */
byte rl, lease;         /* A's leases, both fed by M1                         */
bool cached = true;     /* A holds the old value                              */
byte bS, bA;            /* beat in flight                                     */
byte fS, fA; bool fX;   /* GET in flight at M1: always answers the old value  */

inline served() {
  printf("A SERVES the old value; overwritten %d, for %d ticks\n", over, age);
#ifdef STRICT
  assert(!over)
#else
  assert(!over || age < D)
#endif
}
active proctype Split() {
  do
  :: d_step { t < 200 && (t < CAP || !over || age <= D) ->            /* tick */
       printf("tick\n");
       if :: t < CAP -> t++ :: else fi;
       if :: over && age <= D -> age++ :: else fi;
       if :: rl > 0 -> rl-- :: else fi;
       if :: lease > 0 -> lease-- :: else fi;
       if :: bS != 0 && bA < D -> bA++ :: else fi;
       if :: fS != 0 && fA < D -> fA++ :: else fi }
  :: d_step { bS == 0 -> bS = 1; bA = 0; printf("A sends BEAT\n") }
#ifdef M_PINGBEAT
  :: d_step { bS == 1 -> bS = 2; printf("M1 runs BEAT\n") }
#else
  :: d_step { bS == 1 && t < F -> bS = 2; printf("M1 runs BEAT\n") }                             /* M1 accepts the write */
  :: d_step { bS == 1 && t >= F -> bS = 0; bA = 0; printf("M1 refuses BEAT\n") }                    /* NOREPLICAS / CLUSTERDOWN */
#endif
  :: d_step { bS == 2 ->                                               /* reply + message */
       if :: rl == 0 && fS != 0 -> fX = true :: else fi;
       if :: D - bA > rl -> rl = D - bA :: else fi;
       if :: D - bA > lease -> lease = D - bA :: else fi;
       printf("A gets BEAT, age %d\n", bA);
       bS = 0; bA = 0 }
  :: d_step { fS == 0 && rl > 0 -> fS = 1; fA = 0; fX = false; printf("A sends GET\n") }
  :: atomic { fS == 1 ->                                               /* M1 still answers reads */
#ifdef M_GETONLY
       if :: fA < D -> served() :: else fi;
#else
       if :: fA < D && rl > 0 && !fX -> served() :: else fi;
#endif
       fS = 0; fA = 0; fX = false }
  :: atomic { cached && lease > 0 -> served() }
  :: d_step { !over && t >= P -> over = true; age = 0; printf("M2 overwrites the value\n") }                /* write at M2 */
  od
}
