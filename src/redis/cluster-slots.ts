import type { Command } from "./port.js";

/** How many slots a Redis Cluster has. */
export const SLOTS = 16_384;
const NOT_ASCII = 0x80;

/** CRC16 of each byte: the polynomial 0x1021 of XMODEM. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/**
 * CRC16 (XMODEM) of a text in UTF-8, or of the part of it between two indices, as the Redis Cluster specification has it
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). Allocates nothing where the text is ASCII.
 */
export function crc16(text: string, from = 0, to = text.length): number {
  let crc = 0;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code >= NOT_ASCII) return crc16OfBytes(Buffer.from(text.slice(from, to)));
    crc = next(crc, code);
  }
  return crc;
}

function crc16OfBytes(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = next(crc, byte);
  return crc;
}

function next(crc: number, byte: number): number {
  return ((crc << 8) & 0xffff) ^ (CRC16[((crc >> 8) ^ byte) & 0xff] as number);
}

/** The slot of a key, from 0 to 16,383: that of its hash tag, if it has one that is not empty. */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = open === -1 ? -1 : key.indexOf("}", open + 1);
  const crc = close > open + 1 ? crc16(key, open + 1, close) : crc16(key);
  return crc % SLOTS;
}

/**
 * A hash tag for each of `count` partitions: the smallest number whose slot lies in that partition's share of the slots. So partitions lie evenly
 * on masters that share the slots evenly.
 */
export function hashTags(count: number): string[] {
  const tags = new Array<string | undefined>(count).fill(undefined);
  for (let n = 0, found = 0; found < count; n++) {
    const index = Math.floor((slotOf(String(n)) * count) / SLOTS);
    if (tags[index] !== undefined) continue;
    tags[index] = String(n);
    found++;
  }
  return tags as string[];
}

const KEYLESS = new Set(
  "ACL ASKING CLIENT CLUSTER COMMAND CONFIG INFO PING PUBLISH SCAN SCRIPT TIME WAIT".split(" "),
);

/** The first key of a command, by which it is routed; for SPUBLISH its channel. `undefined`: any node will do. */
export function keyOf(command: Command): string | undefined {
  const [name, first, numberOfKeys] = command;
  if (name === "EVALSHA" || name === "EVAL") return numberOfKeys === "0" ? undefined : command[3];
  return KEYLESS.has(name) ? undefined : first;
}
