import session = require("express-session");

/** express-session, or why it could not be loaded. */
declare const loaded: { readonly exported?: typeof session; readonly error?: unknown };
export = loaded;
