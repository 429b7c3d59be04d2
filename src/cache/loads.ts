/**
 * One read or write of a session that is on its way to Redis and back.
 *
 * Its reply travels on another socket than the invalidations, so either may overtake the other: a reply that was read
 * before a change may arrive after the message that told of the change. Caching it then would keep the old value with nobody
 * left to evict it. So every flight is told of what happens meanwhile, and only one that met no contradiction may be cached.
 */
export class Flight {
  readonly isRead: boolean;
  #grounded = false;
  #ended = false;
  readonly #seenTags: string[] = [];

  constructor(isRead: boolean) {
    this.isRead = isRead;
  }

  /** A change of the session by the write `tag` became known. */
  change(tag: string): void {
    this.#seenTags.push(tag);
  }

  /** Whatever this flight brings home must not be cached. */
  ground(): void {
    this.#grounded = true;
  }

  /** The session is over: whatever this flight brings home must not be handed out either. */
  end(): void {
    this.#ended = true;
    this.ground();
  }

  /** Whether anything happened meanwhile: what it brings home is not cached, unless it is just what was heard of. */
  get isFenced(): boolean {
    return this.#grounded || this.#seenTags.length > 0;
  }

  /** Whether the session ended during this flight. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the change by the write `tag` became known during this flight. */
  hasSeen(tag: string): boolean {
    return this.#seenTags.includes(tag);
  }

  /** Whether a reply with this tag is the newest that this node has heard of. */
  mayCache(tag: string): boolean {
    return !this.#grounded && (this.#seenTags.length === 0 || this.#seenTags.at(-1) === tag);
  }
}

/** All flights of a store: shares a load among all who wait for it, and fences reads and writes against what happens meanwhile. */
export class Loads<R> {
  readonly #flights = new Map<string, Set<Flight>>();
  /** The loads that a newcomer may join: those that nothing has happened to since they were sent. */
  readonly #joinable = new Map<string, Promise<R>>();
  /** The tags of own writes that are done and whose message is still to come. */
  readonly #echoes = new Set<string>();
  #fencedReads = 0;
  #fencedWrites = 0;

  /** Reads during which something happened to the session: their results were not cached, unless they were just that change. */
  get fencedReads(): number {
    return this.#fencedReads;
  }

  /** Writes likewise. */
  get fencedWrites(): number {
    return this.#fencedWrites;
  }

  /** Loads a session, or joins the load that is on its way. */
  load(id: string, load: (flight: Flight) => Promise<R>): Promise<R> {
    const current = this.#joinable.get(id);
    if (current !== undefined) return current;
    const promise = this.read(id, load).finally(() => {
      if (this.#joinable.get(id) === promise) this.#joinable.delete(id);
    });
    this.#joinable.set(id, promise);
    return promise;
  }

  /** Reads a session in a flight of its own: a reader who wants what is there now cannot join a load that was sent before. */
  read(id: string, read: (flight: Flight) => Promise<R>): Promise<R> {
    return this.#track(id, new Flight(true), read);
  }

  /** Writes a session. */
  write<W>(id: string, write: (flight: Flight) => Promise<W>): Promise<W> {
    return this.#track(id, new Flight(false), write);
  }

  /** An own write is done, and its message has yet to come unless it came during the flight. */
  expectEcho(flight: Flight, tag: string): void {
    if (!flight.hasSeen(tag)) this.#echoes.add(tag);
  }

  /**
   * A write became known by its message: flights may be cached only if they bring just that write. `false` if it is the echo of an own
   * write that was done before: whatever was cached or sent since is that write or a later one.
   */
  fenceChange(id: string, tag: string): boolean {
    if (this.#echoes.delete(tag)) return false;
    this.#joinable.delete(id);
    for (const flight of this.#flights.get(id) ?? []) flight.change(tag);
    return true;
  }

  /**
   * A write of this node is done: reads that were sent before it may be older, and who reads now must see the write. Their replies came
   * first, but what is done with a reply takes several turns of the microtask queue, so they may not be through yet. Other writes
   * under way are left alone: they were sent later, so they are newer, or a message will tell.
   */
  fenceReads(id: string): void {
    this.#joinable.delete(id);
    for (const flight of this.#flights.get(id) ?? []) if (flight.isRead) flight.ground();
  }

  /** A deletion became known: nobody may be answered with the session any more. */
  fenceDelete(id: string): void {
    this.#joinable.delete(id);
    for (const flight of this.#flights.get(id) ?? []) flight.end();
  }

  /** Anything may have changed. */
  fenceAll(): void {
    this.#joinable.clear();
    this.#echoes.clear(); // a message that was missed never comes
    for (const flights of this.#flights.values()) for (const flight of flights) flight.ground();
  }

  /** How many sessions have something under way. */
  get size(): number {
    return this.#flights.size;
  }

  #count({ isRead }: Flight): void {
    if (isRead) this.#fencedReads++;
    else this.#fencedWrites++;
  }

  async #track<W>(id: string, flight: Flight, run: (flight: Flight) => Promise<W>): Promise<W> {
    const flights = this.#flights.get(id) ?? new Set();
    this.#flights.set(id, flights.add(flight));
    try {
      return await run(flight);
    } finally {
      flights.delete(flight);
      if (flight.isFenced) this.#count(flight);
      if (flights.size === 0) this.#flights.delete(id);
    }
  }
}
