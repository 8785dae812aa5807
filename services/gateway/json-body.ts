/** A JSON request body with the size it came in. */
export interface JsonBody {
  value: unknown;
  bytes: number;
}
