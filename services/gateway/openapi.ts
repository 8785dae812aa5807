import { errorTable } from "#shared/wire/errors.ts";
import { type MethodRow, methodTable } from "#shared/wire/methods.ts";

const json = (schema: unknown) => ({ "application/json": { schema } });

const errorSchema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "temporary"],
      properties: { code: { type: "integer" }, message: { type: "string" }, temporary: { type: "boolean" } },
    },
  },
};

/** One response a status, naming the codes that have it and what to do next. */
function errorResponses(): Record<string, unknown> {
  const rows = Object.entries(errorTable);
  const statuses = [...new Set(rows.map(([, { status }]) => status))].toSorted((a, b) => a - b);
  const described = (status: number) =>
    rows
      .filter(([, row]) => row.status === status)
      .map(([code, { message, next }]) => `${code} ${message} (${next})`)
      .join(", ");
  return Object.fromEntries(
    statuses.map((status) => [status, { description: described(status), content: json({ $ref: "#/components/schemas/Error" }) }]),
  );
}

function operation(method: string, { about, params, later }: MethodRow, errors: Record<string, unknown>) {
  const result = { type: "object", required: ["result"], properties: { result: { type: "object" } } };
  return {
    post: {
      operationId: method,
      summary: about,
      description: later === true ? "Not served by this build yet: answers 108." : `The same as the WebSocket rpc \`${method}\`.`,
      tags: [method.slice(0, method.indexOf("."))],
      security: [{ bearer: [] }],
      requestBody: { required: true, content: json(params) },
      responses: { 200: { description: "the result", content: json(result) }, ...errors },
    },
  };
}

/** The OpenAPI document of the HTTP side, made from the method table. */
export function openApiDocument(version: string): object {
  const errors = errorResponses();
  return {
    openapi: "3.1.0",
    info: {
      title: "Tributary",
      version,
      description:
        "A messaging timeline server. The same methods are served over the WebSocket at `/connection/websocket` (Centrifuge client protocol).",
    },
    paths: Object.fromEntries(Object.entries(methodTable).map(([method, row]) => [`/v1/rpc/${method}`, operation(method, row, errors)])),
    components: {
      schemas: { Error: errorSchema },
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
    },
  };
}
