/** Answers one question for `run.mjs`: its name and its context, as JSON, are the arguments. */
const [, , name, context = ""] = process.argv;
/** @type {import("./questions.mjs").Question} */
const question = await import(`./${name}.mjs`);
process.send?.(await question.run(JSON.parse(context)));
process.disconnect();
