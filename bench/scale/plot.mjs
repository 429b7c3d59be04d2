/**
 * @typedef {object} Series
 * @property {string} label
 * @property {readonly (readonly [x: number, y: number])[]} points points with a y that is not finite are left out
 * @property {boolean} [dashed] what is predicted, beside what is measured
 *
 * @typedef {object} Chart
 * @property {string} title
 * @property {string} xLabel
 * @property {string} yLabel
 * @property {boolean} [logX]
 * @property {boolean} [logY]
 * @property {readonly Series[]} series
 */

const WIDTH = 720;
const HEIGHT = 360;
const MARGIN = { left: 80, right: 180, top: 40, bottom: 50 };
/** Told apart also by who does not tell colours apart, on white and on black. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const TICKS = 6;
const STYLE =
  "text{font:12px sans-serif;fill:#24292f}.axis{stroke:#24292f}.grid{stroke:#24292f;opacity:.15}.title{font-size:14px;font-weight:bold}" +
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis,.grid{stroke:#e6edf3}}";

/**
 * A line chart as SVG, without anything from elsewhere.
 *
 * @param {Chart} chart
 */
export function lineChart({ title, xLabel, yLabel, logX = false, logY = false, series }) {
  const points = series.flatMap(({ points }) => points.filter(([, y]) => Number.isFinite(y)));
  const x = scale(
    points.map(([x]) => x),
    logX,
    [MARGIN.left, WIDTH - MARGIN.right],
  );
  const y = scale([...points.map(([, y]) => y), ...(logY ? [] : [0])], logY, [
    HEIGHT - MARGIN.bottom,
    MARGIN.top,
  ]);
  const { left, right, top, bottom } = MARGIN;
  const [baseline, end] = [HEIGHT - bottom, WIDTH - right];
  const lines = series.map((one, n) => curve(one, COLOURS[n % COLOURS.length] ?? "", x.at, y.at));
  const legend = series.map(({ label, dashed }, n) => {
    const rowY = top + 10 + n * 18;
    const dash = dashed ? ' stroke-dasharray="5 3"' : "";
    return (
      `<path d="M${end + 10} ${rowY}h20" stroke="${COLOURS[n % COLOURS.length]}" stroke-width="2"${dash}/>` +
      text(end + 36, rowY + 4, label)
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}</style>`,
    text(left, 22, title, 'class="title"'),
    ...x.ticks.map((tick) => text(x.at(tick), baseline + 18, format(tick), 'text-anchor="middle"')),
    ...y.ticks.map(
      (tick) =>
        `<path class="grid" d="M${left} ${round(y.at(tick))}H${end}"/>` +
        text(left - 8, y.at(tick) + 4, format(tick), 'text-anchor="end"'),
    ),
    `<path class="axis" fill="none" d="M${left} ${top}V${baseline}H${end}"/>`,
    text((left + end) / 2, HEIGHT - 12, xLabel, 'text-anchor="middle"'),
    text(
      18,
      (top + baseline) / 2,
      yLabel,
      `text-anchor="middle" transform="rotate(-90 18 ${(top + baseline) / 2})"`,
    ),
    ...lines,
    ...legend,
    "</svg>\n",
  ].join("\n");
}

/**
 * @param {Series} series
 * @param {string} colour
 * @param {(x: number) => number} x
 * @param {(y: number) => number} y
 */
function curve({ points, dashed = false }, colour, x, y) {
  const drawn = points.filter(([, value]) => Number.isFinite(value));
  const path = drawn
    .map(([atX, atY], n) => `${n === 0 ? "M" : "L"}${round(x(atX))} ${round(y(atY))}`)
    .join("");
  const dash = dashed ? ' stroke-dasharray="5 3"' : "";
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>`;
}

/**
 * @param {readonly number[]} values
 * @param {boolean} isLog
 * @param {readonly [from: number, to: number]} range
 */
function scale(values, isLog, [from, to]) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  /** @param {number} value */
  const of = (value) => (isLog ? Math.log(value) : value);
  /** @param {number} value */
  const at = (value) => from + ((of(value) - of(low)) / (of(high) - of(low) || 1)) * (to - from);
  return { at, ticks: isLog ? powers(low, high) : steps(low, high) };
}

/**
 * @param {number} low
 * @param {number} high
 */
function powers(low, high) {
  const base = high / low > 100 ? 10 : 2;
  const first = Math.ceil(Math.log(low) / Math.log(base) - 1e-9);
  const last = Math.floor(Math.log(high) / Math.log(base) + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => base ** (first + n));
}

/**
 * @param {number} low
 * @param {number} high
 */
function steps(low, high) {
  const rough = (high - low) / TICKS || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, n) => (first + n) * step);
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 */
function text(x, y, content, attributes = "") {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped(content)}</text>`;
}

/** @param {string} content */
function escaped(content) {
  return content.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}

/** @param {number} value */
function format(value) {
  return Number(value.toPrecision(6)).toLocaleString("en", { maximumSignificantDigits: 6 });
}
