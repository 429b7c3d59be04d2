import { describe, expect, test } from "vitest";
import { SessionRevokedError } from "../errors.js";
import { Moved } from "../redis/moved.js";
import { deleteAlong, endAlong, follow, MAX_HOPS, nothing, type Path, refuse } from "./aliases.js";

/** Where ids lead. */
const ALIASES: Readonly<Record<string, string>> = { a: "b", b: "c", round: "about", about: "round" };

/** Rejects for an alias as a store does; notes for what it was asked. */
function attempts() {
  const asked: string[] = [];
  const attempt = async (id: string, throughAlias: boolean) => {
    asked.push(`${id} ${throughAlias}`);
    const newId = ALIASES[id];
    if (newId !== undefined) throw new Moved("hash", newId);
    return `done with ${id}`;
  };
  return { asked, attempt };
}

describe("follow()", () => {
  test("does it with the id that was asked for, if that is no alias", async () => {
    const { asked, attempt } = attempts();
    expect(await follow(["c"], attempt, nothing)).toBe("done with c");
    expect(asked).toEqual(["c false"]);
  });

  test("goes where aliases lead, and notes the way", async () => {
    const { asked, attempt } = attempts();
    const path: Path = ["a"];
    expect(await follow(path, attempt, nothing)).toBe("done with c");
    expect(asked).toEqual(["a false", "b true", "c true"]);
    expect(path).toEqual(["a", "b", "c"]);
  });

  test("begins at the end of a way that is known", async () => {
    const { asked, attempt } = attempts();
    await follow(["a", "b"], attempt, nothing);
    expect(asked).toEqual(["b true", "c true"]);
  });

  test("gives up after four", async () => {
    const { asked, attempt } = attempts();
    expect(await follow(["round"], attempt, nothing)).toBeUndefined();
    expect(asked).toHaveLength(MAX_HOPS + 1);
    await expect(follow(["round"], attempt, refuse)).rejects.toThrow(SessionRevokedError);
  });

  test("passes on any other error", async () => {
    const failing = () => Promise.reject(new RangeError("no"));
    await expect(follow(["a"], failing, nothing)).rejects.toThrow(RangeError);
  });
});

/** Ends sessions and aliases; notes what. */
function endings(failing = "") {
  const ended: string[] = [];
  const end = async (id: string, evenAlias: boolean) => {
    const newId = ALIASES[id];
    if (newId !== undefined && !evenAlias) throw new Moved("hash", newId);
    if (id === failing) throw new RangeError("no");
    ended.push(id);
    return id;
  };
  return { ended, end };
}

describe("endAlong()", () => {
  test("ends the session first, then the aliases, the newest first", async () => {
    const { end } = endings();
    expect(await endAlong(["a"], end)).toEqual(["c", "b", "a"]);
    expect(await endAlong(["c"], end)).toEqual(["c"]);
  });

  test("leaves the way to the session if that cannot be ended", async () => {
    const { ended, end } = endings("c");
    await expect(endAlong(["a"], end)).rejects.toThrow(RangeError);
    expect(ended).toEqual([]);
  });

  test("ends again what is on a way that is known", async () => {
    const { end } = endings();
    const path: Path = ["a"];
    await endAlong(path, end);
    expect(await endAlong(path, end)).toEqual(["c", "b", "a"]);
  });

  test("ends the aliases of a session that is too far away", async () => {
    const { ended, end } = endings();
    await endAlong(["round"], end);
    expect(new Set(ended)).toEqual(new Set(["round", "about"]));
  });
});

describe("deleteAlong()", () => {
  async function deleting(id: string, expectedTag: string | undefined, deleted: boolean) {
    const { ended, end } = endings();
    const bury = async (id: string, request: { evenAlias?: boolean | undefined }) => {
      await end(id, request.evenAlias ?? false);
      return { deleted };
    };
    const options = expectedTag === undefined ? {} : { ifRevision: expectedTag };
    return { deleted: await deleteAlong(id, options, bury), ended };
  }

  test.each([true, false])("says of the session whether there was one: %s", async (deleted) => {
    expect(await deleting("a", undefined, deleted)).toEqual({ deleted, ended: ["c", "b", "a"] });
  });

  test("leaves the aliases if nothing was there that has the tag", async () => {
    expect(await deleting("a", "tag", false)).toEqual({ deleted: false, ended: ["c"] });
    expect(await deleting("a", "tag", true)).toEqual({ deleted: true, ended: ["c", "b", "a"] });
  });

  test("did not delete what is too far away, nor any alias with a tag", async () => {
    expect(await deleting("round", "tag", true)).toEqual({ deleted: false, ended: [] });
  });
});

test("a Moved tells a log neither id", () => {
  const moved = new Moved("hash", "a-credential");
  expect(moved.newId).toBe("a-credential");
  expect(JSON.stringify(moved) + moved.message + Object.keys(moved)).not.toContain("a-credential");
});
