/** An error as ClickHouse names it: its number, its text, and the HTTP status that ClickHouse answers with. */
export class ClickHouseError extends Error {
  readonly code: number;
  readonly status: number;

  /** @param message without `Code:` and name; @param name ClickHouse's name, as UNKNOWN_SETTING */
  constructor(code: number, name: string, message: string, status = statusOf(code)) {
    super(`Code: ${code}. DB::Exception: ${message} (${name})`);
    this.code = code;
    this.status = status;
  }
}

const FORBIDDEN = [192, 193, 497, 512, 516];
const BAD_REQUEST = [6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676];
const NOT_FOUND = [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511];
const SINGLE: Readonly<Record<number, number>> = { 48: 501, 76: 503, 159: 408, 194: 401, 209: 503, 229: 413, 381: 411, 439: 503 };

/** ClickHouse's HTTP status for an error code; 500 for the many it does not list. */
export const statusOf = (code: number): number => {
  if (FORBIDDEN.includes(code)) return 403;
  if (BAD_REQUEST.includes(code)) return 400;
  if (NOT_FOUND.includes(code)) return 404;
  return SINGLE[code] ?? 500;
};

const NESTED = /^(Code: (\d+)\. DB::\w+: )Code: \2\. DB::\w+: ([\s\S]*?) \(\w+\) \(version [^)]*\)\. (\(\w+\))$/;

/** The engine's error text as a `ClickHouseError`; anything without a code becomes 1002 UNKNOWN_EXCEPTION. */
export const engineError = (error: unknown): ClickHouseError => {
  if (error instanceof ClickHouseError) return error;
  const raw = error instanceof Error ? error.message : String(error);
  const at = raw.indexOf("Code: ");
  if (at < 0) return new ClickHouseError(1002, "UNKNOWN_EXCEPTION", raw);
  const text = raw.slice(at).trim().replace(NESTED, "$1$3 $4");
  const code = Number(/^Code: (\d+)/.exec(text)?.[1] ?? 1002);
  const result = new ClickHouseError(code, "", "");
  result.message = text;
  return result;
};

/** The body of an error answer: the text with the server's version, as clients parse it. */
export const errorBody = (error: ClickHouseError, version: string): string => `${error.message} (version ${version} (official build))\n`;
