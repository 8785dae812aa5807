import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Curve, Line, Row } from "./row.ts";
import { linearAxis, logAxis, placeOn, short, type Axis } from "./ticks.ts";

const WIDTH = 720;
const HEIGHT = 360;
/** Space around the field of the lines. */
const AROUND = { left: 64, right: 20, top: 62, bottom: 46 } as const;
const FIELD = { width: WIDTH - AROUND.left - AROUND.right, height: HEIGHT - AROUND.top - AROUND.bottom } as const;
/** Pixels a character of the legend takes, about. */
const LETTER = 6.8;
/** More points than this in a line are joined without a dot on each. */
const MOST_DOTS = 40;

/** Colours that can be told apart on white and on black, by colour-blind eyes too (after Okabe and Ito). */
const light = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9"];
const dark = ["#56b4e9", "#ff8c42", "#2fd39b", "#e79fc4", "#f0e442", "#8ab4f8"];
/** Lines beyond the colours are dashed. */
const dashOf = (i: number): string => (i < light.length ? "" : ' stroke-dasharray="6 4"');
const classOf = (i: number): string => `line${i % light.length}`;

const style = [
  "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:14px;font-weight:600}.grid{stroke:#ddd}.axis{stroke:#888}",
  ".ground{fill:#fff}polyline{fill:none;stroke-width:2;stroke-linejoin:round}",
  ...light.map((colour, i) => `.line${i}{stroke:${colour}}circle.line${i}{fill:${colour}}`),
  "@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#333}.axis{stroke:#777}.ground{fill:#111}",
  ...dark.map((colour, i) => `.line${i}{stroke:${colour}}circle.line${i}{fill:${colour}}`),
  "}",
].join("");

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const at = (value: number): string => String(Number(value.toFixed(1)));

/** One picture as SVG text: the same text for the same curve. */
export function pictureOf({ name, x, y, logX, logY, lines }: Curve): string {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([value]) => value);
  const ys = points.map(([, value]) => value);
  const [across, up] = [logX ? logAxis(xs) : timeAxis(xs), logY === true ? logAxis(ys) : linearAxis(ys)];
  const place = ([px, py]: readonly [number, number]): [number, number] => [
    AROUND.left + placeOn(across, px) * FIELD.width,
    AROUND.top + (1 - placeOn(up, py)) * FIELD.height,
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${escaped(name)}</title><style>${style}</style><rect class="ground" width="${WIDTH}" height="${HEIGHT}"/>`,
    `<text class="title" x="${AROUND.left}" y="22">${escaped(name)}</text>`,
    ...legendOf(lines),
    ...marksAcross(across, x),
    ...marksUp(up, y),
    ...lines.flatMap((line, i) => lineOf(line, i, place)),
    "</svg>",
    "",
  ].join("\n");
}

/** From 0 to the last value: the field is as wide as the lines. */
function timeAxis(xs: readonly number[]): Axis {
  const axis = linearAxis(xs, 8);
  const to = Math.max(...xs);
  return to > axis.from ? { ...axis, to, ticks: axis.ticks.filter((tick) => tick <= to) } : axis;
}

function legendOf(lines: readonly Line[]): string[] {
  let left: number = AROUND.left;
  return lines.map(({ name }, i) => {
    const entry =
      `<line class="${classOf(i)}" x1="${at(left)}" x2="${at(left + 18)}" y1="40" y2="40" stroke-width="2"${dashOf(i)}/>` +
      `<text x="${at(left + 24)}" y="44">${escaped(name)}</text>`;
    left += 24 + name.length * LETTER + 18;
    return entry;
  });
}

function marksAcross(axis: Axis, label: string): string[] {
  const bottom = AROUND.top + FIELD.height;
  const marks = axis.ticks.map((tick) => {
    const x = at(AROUND.left + placeOn(axis, tick) * FIELD.width);
    return (
      `<line class="grid" x1="${x}" x2="${x}" y1="${AROUND.top}" y2="${bottom}"/>` +
      `<text x="${x}" y="${bottom + 17}" text-anchor="middle">${short(tick)}</text>`
    );
  });
  const end = WIDTH - AROUND.right;
  return [
    ...marks,
    `<line class="axis" x1="${AROUND.left}" x2="${end}" y1="${bottom}" y2="${bottom}"/>`,
    `<text x="${end}" y="${HEIGHT - 10}" text-anchor="end">${escaped(label)}</text>`,
  ];
}

function marksUp(axis: Axis, label: string): string[] {
  const marks = axis.ticks.map((tick) => {
    const y = AROUND.top + (1 - placeOn(axis, tick)) * FIELD.height;
    return (
      `<line class="grid" x1="${AROUND.left}" x2="${WIDTH - AROUND.right}" y1="${at(y)}" y2="${at(y)}"/>` +
      `<text x="${AROUND.left - 8}" y="${at(y + 4)}" text-anchor="end">${short(tick)}</text>`
    );
  });
  const middle = at(AROUND.top + FIELD.height / 2);
  return [...marks, `<text transform="translate(16 ${middle}) rotate(-90)" text-anchor="middle">${escaped(label)}</text>`];
}

function lineOf({ points }: Line, i: number, place: (point: readonly [number, number]) => [number, number]): string[] {
  const places = points.map(place);
  const path = places.map(([px, py]) => `${at(px)},${at(py)}`).join(" ");
  const dots = points.length > MOST_DOTS ? [] : places;
  return [
    `<polyline class="${classOf(i)}" points="${path}"${dashOf(i)}/>`,
    ...dots.map(([px, py]) => `<circle class="${classOf(i)}" cx="${at(px)}" cy="${at(py)}" r="2.5"/>`),
  ];
}

/** "growth", "Cost of a message as members grow" → growth-cost-of-a-message-as-members-grow.svg */
export const fileOf = (row: string, name: string): string =>
  `${`${row} ${name}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")}.svg`;

/** Writes a picture of each curve of the rows into the directory; returns the files. */
export async function writePictures(rows: readonly Row[], dir: string): Promise<string[]> {
  await mkdir(dir, { recursive: true });
  const files: string[] = [];
  for (const { row, curves = [] } of rows) {
    for (const curve of curves.filter(({ lines }) => lines.some(({ points }) => points.length > 0))) {
      const file = join(dir, fileOf(row, curve.name));
      await writeFile(file, pictureOf(curve));
      files.push(file);
    }
  }
  return files;
}
