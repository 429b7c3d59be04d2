/**
 * Puts tables where a page has room for them: between `<!-- table: name -->` and `<!-- end of table -->`.
 *
 * @param {string} page
 * @param {Readonly<Record<string, string>>} tables by name
 * @returns {string}
 * @throws {Error} when the page has no such place
 */
export function fillPage(page, tables) {
  return Object.entries(tables).reduce((text, [name, table]) => {
    const begin = `<!-- table: ${name} -->`;
    const end = "<!-- end of table -->";
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0) throw new Error(`the page has no place for the table "${name}"`);
    return `${text.slice(0, from)}${begin}\n\n${table.trim()}\n\n${text.slice(to)}`;
  }, page);
}
