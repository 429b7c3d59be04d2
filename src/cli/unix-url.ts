/** Where a server listens that has a socket in the file system, and as whom to log in. */
export interface UnixAddress {
  readonly path: string;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
}

const UNIX_URL = /^unix:\/\/(?:([^@:/]*):([^@/]*)@)?(\/[^?#]*)(?:\?db=(\d+))?$/;

/** What `unix://user:password@/path?db=1` says; `undefined` for another URL. `URL` cannot read one with a user, nor can every client. */
export function parseUnixUrl(url: string): UnixAddress | undefined {
  const [, username, password, path, database = "0"] = UNIX_URL.exec(url) ?? [];
  if (path === undefined) return undefined;
  return {
    path: decodeURIComponent(path),
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    database: Number(database),
  };
}
