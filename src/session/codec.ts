import { InvalidSessionDataError } from "../errors.js";

/** Turns session data into the text that Redis holds, and back. */
export interface Codec<T> {
  /** Throws if the data cannot be encoded; nothing is written then. */
  encode(data: T): string;
  /** Throws if the text is not what `encode` wrote; the record is then reported as corrupt and left as it is. */
  decode(text: string): T;
}

/** The methods of a `Codec`, for a check of what was given as one. */
export const CODEC_METHODS = ["encode", "decode"];

/** JSON: the default. What survives is what JSON keeps: a `Date` becomes a string, `undefined` disappears. */
export const jsonCodec: Codec<unknown> = {
  encode(data) {
    let text: string | undefined;
    try {
      text = JSON.stringify(data);
    } catch (cause) {
      throw new InvalidSessionDataError((cause as Error).message, { cause });
    }
    if (text === undefined) throw new InvalidSessionDataError(`JSON cannot express ${typeof data}`);
    return text;
  },
  decode: (text) => JSON.parse(text),
};
