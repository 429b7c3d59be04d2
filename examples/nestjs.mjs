/**
 * The smallest NestJS application with sessions in sessionmesh:
 *
 *     npm run example nestjs                                                with a Redis of its own
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=3000 node examples/nestjs.mjs
 *
 * Start it several times, on several ports, with one Redis: a login on one is known to all.
 */
import "reflect-metadata";
import { promisify } from "node:util";
import { Controller, Get, Param, Post, Req, Res } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import session from "express-session";
import { createClient } from "redis";
import { ExpressSessionStore } from "sessionmesh/express";

const { REDIS_URL = "redis://127.0.0.1:6379", PORT = "3000", SESSION_SECRET = "change me" } = process.env;

const client = createClient({ url: REDIS_URL });
client.on("error", (error) => console.error(`Redis: ${error.message}`));
await client.connect();

class SessionController {
  /**
   * @param {string} name
   * @param {import("express").Request} req
   */
  async login(name, req) {
    // A new id, so that nobody knows it from before the login.
    await promisify(req.session.regenerate.bind(req.session))();
    req.session.profile = { name };
    return `Welcome, ${name}.\n`;
  }

  /**
   * @param {import("express").Request} req
   * @param {import("express").Response} res
   */
  greet({ session: { profile } }, res) {
    res.status(profile ? 200 : 401);
    return profile ? `Hello, ${profile.name}.\n` : "Log in first.\n";
  }

  /** @param {import("express").Request} req */
  async logout(req) {
    await promisify(req.session.destroy.bind(req.session))();
    return "Goodbye.\n";
  }
}
// In TypeScript, these are decorators: @Controller() class SessionController { @Post("login/:name") login(@Param("name") name: string, …
const { prototype } = SessionController;
Controller()(SessionController);
Post("login/:name")(prototype, "login", descriptorOf("login"));
Param("name")(prototype, "login", 0);
Req()(prototype, "login", 1);
Get()(prototype, "greet", descriptorOf("greet"));
Req()(prototype, "greet", 0);
Res({ passthrough: true })(prototype, "greet", 1);
Post("logout")(prototype, "logout", descriptorOf("logout"));
Req()(prototype, "logout", 0);

/** @param {string} name */
function descriptorOf(name) {
  return /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(prototype, name));
}

const module = { module: class AppModule {}, controllers: [SessionController] };
const app = await NestFactory.create(module, { logger: ["error", "warn"] });
app.use(
  session({
    store: new ExpressSessionStore({ client }),
    secret: SESSION_SECRET,
    resave: false,
    saveUninitialized: false,
  }),
);
await app.listen(Number(PORT), "127.0.0.1");
console.log(`Listening on ${await app.getUrl()}`);
