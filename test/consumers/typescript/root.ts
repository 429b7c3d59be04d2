// Strict TypeScript that has installed nothing but the package and the types of Node.
import { MemoryStore, type Session, type SessionStore } from "sessionmesh";

await using store: SessionStore<{ userId: number }> = new MemoryStore<{ userId: number }>({ ttlMs: 1_000 });
const session: Session<{ userId: number }> = await store.create({ userId: 42 });
export const userId: number = session.data.userId;
