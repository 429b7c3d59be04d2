import { createHash } from "node:crypto";
import session from "express-session";

/**
 * @typedef {object} CartItem
 * @property {string} sku
 * @property {string} title
 * @property {number} quantity
 * @property {number} price
 *
 * @typedef {object} Shop what an application keeps in a session
 * @property {number} userId
 * @property {string} csrfToken
 * @property {object} [customer]
 * @property {{ currency: string, items: CartItem[] }} [cart]
 * @property {string} note
 *
 * @typedef {import("express-session").SessionData & Shop} ShopSession
 *
 * @typedef {import("sessionmesh/express").ExpressSessionStore["store"] extends
 *   import("sessionmesh").SessionStore<infer T> ? T : never} StoredSession what the Express adapter stores
 */

/** Life of a session, in milliseconds. */
const MAX_AGE_MS = 30 * 60_000;
/** The cookie and the user alone are about 200 characters long; a session of more than this tells about the customer. */
const PROFILE_FROM_LENGTH = 600;
const EMPTY_CART_LENGTH = 40;
const CART_ITEM_LENGTH = 100;

/**
 * A session as express-session hands it to a store: a cookie, who the user is, what is in the cart. Its JSON is `length` characters long.
 *
 * @param {number} seed sessions of different seeds share no text
 * @param {number} [length] at least 200
 * @returns {ShopSession}
 */
export function makeSession(seed, length = 1_000) {
  const text = digest(`${seed}`);
  /** @type {ShopSession} */
  const shop = {
    cookie: makeCookie(),
    userId: 100_000 + seed,
    csrfToken: text.slice(0, 16),
    note: "",
  };
  if (length >= PROFILE_FROM_LENGTH) {
    shop.customer = {
      name: `${text.slice(0, 8)} ${text.slice(8, 20)}`,
      email: `${text.slice(20, 32)}@example.com`,
      locale: "en-GB",
      timeZone: "Europe/London",
      roles: ["customer", "reviewer"],
      verified: true,
      signedInAt: 1_750_000_000_000 + seed,
    };
    const items = Math.floor((length - JSON.stringify(shop).length - EMPTY_CART_LENGTH) / CART_ITEM_LENGTH);
    shop.cart = {
      currency: "EUR",
      items: Array.from({ length: items }, (_, n) => cartItem(`${seed} item ${n}`, n)),
    };
  }
  const missing = length - JSON.stringify(shop).length;
  if (missing < 0) throw new RangeError(`this session has at least ${length - missing} characters`);
  shop.note = text.repeat(Math.ceil(missing / text.length)).slice(0, missing);
  return shop;
}

/**
 * The same as plain data, as an application gives it to a store or a cache that it calls itself.
 *
 * @param {number} seed
 * @param {number} [length]
 * @returns {object}
 */
export function makeData(seed, length) {
  return JSON.parse(JSON.stringify(makeSession(seed, length)));
}

/** The cookie of a session that is used now. */
export function makeCookie() {
  return Object.assign(new session.Cookie(), { maxAge: MAX_AGE_MS, secure: true, sameSite: "lax" });
}

/**
 * @param {string} seed
 * @param {number} n
 * @returns {CartItem}
 */
function cartItem(seed, n) {
  const text = digest(seed);
  return {
    sku: text.slice(0, 10),
    title: `${text.slice(10, 20)} ${text.slice(20, 40)}`,
    quantity: 1 + (n % 3),
    price: 4.99 + n,
  };
}

/**
 * An id like the store's own, 43 characters of base64url, and a new string at each call: those that a request brings are never
 * the very strings that a cache holds as keys.
 *
 * @param {number} seed
 */
export function makeId(seed) {
  return digest(`id ${seed}`);
}

/** @param {string} text */
function digest(text) {
  return createHash("sha256").update(text).digest("base64url");
}
