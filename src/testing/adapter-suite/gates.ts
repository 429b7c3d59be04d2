interface Gate {
  readonly reached: Promise<void>;
  readonly opened: Promise<void>;
  reach(): void;
  open(): void;
}

/** Points at which requests of the suite stop until a case lets them go on. */
export class Gates {
  readonly #gates = new Map<string, Gate>();

  /** For a route: stops here until the gate is opened. */
  async pass(name: string): Promise<void> {
    const gate = this.#gate(name);
    gate.reach();
    await gate.opened;
  }

  /** For a case: resolves when a request has come to the gate. */
  async reached(name: string): Promise<void> {
    await this.#gate(name).reached;
  }

  /** For a case: lets whoever stops there, or comes there later, go on. */
  open(name: string): void {
    this.#gate(name).open();
  }

  #gate(name: string): Gate {
    let gate = this.#gates.get(name);
    if (gate === undefined) {
      let reach = () => {};
      let open = () => {};
      const reached = new Promise<void>((resolve) => {
        reach = resolve;
      });
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      gate = { reached, opened, reach, open };
      this.#gates.set(name, gate);
    }
    return gate;
  }
}
