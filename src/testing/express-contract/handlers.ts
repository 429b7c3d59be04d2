import type { Handler } from "./types.js";

/** Counts a visitor's requests, and answers with the count. */
export const countVisits: Handler = ({ session }, response) => {
  session.visits = (session.visits ?? 0) + 1;
  response.end(String(session.visits));
};

/** Does nothing with the session. */
export const leaveAlone: Handler = (_request, response) => {
  response.end("left alone");
};

/** Answers with the session's data. */
export const show: Handler = ({ session }, response) => {
  response.end(JSON.stringify(session));
};

/** Stores the path: `/a` and `/a` again are the same data. */
export const storePath: Handler = ({ session, url }, response) => {
  session.path = url;
  response.end(url);
};

/** Another handler for each path. */
export function routes(handlers: Readonly<Record<string, Handler>>): Handler {
  return (request, response) => handlers[request.url ?? ""]?.(request, response);
}
