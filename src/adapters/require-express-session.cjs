// The one file in CommonJS, and copied as it is. A package that is missing fails a static import before a line of ours has run; `await import()` at the
// top of a module would make it one that `require()` cannot load; and what `createRequire()` loads, no bundler finds. A `require()` in a `try` in
// CommonJS is what Node runs at once and all bundlers follow, and it gives the same express-session as an import.
try {
  exports.exported = require("express-session");
} catch (error) {
  exports.error = error;
}
