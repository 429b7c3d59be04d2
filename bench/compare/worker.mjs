/** Runs one measurement in a process of its own, which spares it what others leave behind: its module and its options, as JSON, are the arguments. */
const [, , module = "", options = ""] = process.argv;
process.on("unhandledRejection", () => {}); // of a peer, whose connection was closed while it waited
const { run } = await import(`./${module}.mjs`);
process.send?.(await run(JSON.parse(options)));
process.disconnect();
process.exitCode = 0;
setTimeout(() => process.exit(), 1_000).unref(); // clients that were closed while a peer's connection was broken
