import { closeMeanings, closeTable, errorTable, reconnects, type CloseCode } from "#shared/wire/errors.ts";
import { Conversation, eventTable, Message, type EventRow } from "#shared/wire/events.ts";
import { methodTable, type MethodRow } from "#shared/wire/methods.ts";
import { bodies, MAX_BODY_BYTES, type MessageKind } from "#shared/wire/values.ts";
import { fieldRows, page, table, typeOf, variantsOf } from "./markdown.ts";

/** The pages about what crosses the wire. */

const FIELDS = ["field", "type", "must", ""];
const PARAMETERS = ["parameter", "type", "must", ""];

function method([name, { about, params, changes, later, maxBytes }]: [string, MethodRow]): string {
  const flags = [
    ...(changes === true ? ["Changes something: takes `requestId`, and the same one within the window gets the first result."] : []),
    ...(maxBytes === undefined ? [] : [`Parameters may be up to ${maxBytes / 1_024} KiB.`]),
    ...(later === true ? ["**Not served by this build yet**: answers 108."] : []),
  ];
  const variants = variantsOf(params).map((variant) => {
    const rows = fieldRows(variant);
    return rows.length === 0 ? "No parameters." : table(PARAMETERS, rows);
  });
  return [`## \`${name}\``, about, ...(flags.length === 0 ? [] : [flags.join(" ")]), ...variants].join("\n\n");
}

function bodyRow(kind: MessageKind): string[] {
  return [`\`${kind}\``, kind === "system" ? "made by the server alone" : `\`${typeOf(bodies[kind])}\``];
}

export function methodsPage(): string {
  const intro =
    "Each is called the same way over the WebSocket (`rpc`) and over HTTP (`POST /v1/rpc/<method>`, `Content-Type: application/json`, " +
    "`Authorization: Bearer <token>`). Unknown parameters, and those outside their type or bounds, are refused with 107, never clamped.";
  const kinds = table(["kind", "body"], (Object.keys(bodies) as MessageKind[]).map(bodyRow));
  return page("Methods", "`shared/wire/methods.ts`", [
    intro,
    ...Object.entries(methodTable).map(method),
    "## Message bodies",
    `By kind, at most ${MAX_BODY_BYTES / 1_024} KiB as JSON.`,
    kinds,
  ]);
}

const steps = {
  fix: "Correct the call; the same one fails again.",
  retry: "Call again a little later, with growing pauses. A send keeps its `clientMsgId`, a change its `requestId`.",
  reconnect: "Get a new token and connect, or call, again.",
  stop: "Give up, and tell the user.",
} as const;

export function errorsPage(): string {
  const errors = Object.entries(errorTable).map(([code, { message, about, status, temporary, next }]) => {
    return [code, message, about, String(status), temporary ? "yes" : "", next];
  });
  const closes = Object.entries(closeTable).map(([code, reason]) => {
    return [code, reason, closeMeanings[Number(code) as CloseCode], reconnects(Number(code)) ? "reconnects by itself" : "stops"];
  });
  return page("Errors", "`shared/wire/errors.ts`", [
    "## Codes of answers",
    "`message` begins with the text here; behind it may stand what is wrong. `temporary` errors pass by themselves.",
    table(["code", "text", "when", "HTTP status", "temporary", "next"], errors),
    "What to do next:",
    table(
      ["next", ""],
      Object.entries(steps).map(([next, words]) => [next, words]),
    ),
    "## Close codes of the WebSocket",
    table(["code", "reason", "when", "the SDK"], closes),
  ]);
}

const groups: [EventRow["kind"], string, string][] = [
  ["entry", "Entries", "Stored in the conversation: the same in the inbox, in the conversation's channel and in history."],
  ["user", "Events of one's own", "Stored in one's inbox, with an offset."],
  ["live", "Ephemeral events", "On `live:<user>`, without an offset: not recovered."],
];

function event([type, { about, data, later }]: [string, EventRow]): string {
  const variants = variantsOf(data).map((variant) => table(FIELDS, fieldRows(variant)));
  return [`### \`${type}\``, later === true ? `${about} **Not made by this build yet.**` : about, ...variants].join("\n\n");
}

export function eventsPage(): string {
  const rows = Object.entries<EventRow>(eventTable);
  return page("Events", "`shared/wire/events.ts`", [
    "The `data` of a publication. Ignore types and fields that you do not know.",
    ...groups.flatMap(([kind, title, words]) => [`## ${title}`, words, ...rows.filter(([, row]) => row.kind === kind).map(event)]),
    "## Objects",
    "### Message",
    table(FIELDS, fieldRows(Message)),
    "### Conversation",
    table(FIELDS, fieldRows(Conversation)),
  ]);
}
