import type { Bus } from "#shared/hot/bus.ts";
import type { NodeWord } from "#shared/wire/node-word.ts";
import type { Seating } from "./seats.ts";

/** How long the other nodes may take to say who is there, ms; one that takes longer is left out. */
const PATIENCE = 500;

type Client = [client: string, user: string];

/** Who is on a channel, on all nodes. */
export function createPresence({ bus, node, seating }: { bus: Bus; node: string; seating: Seating }) {
  const open = new Map<number, { found: Client[]; missing: number; done: () => void }>();
  let asked = 0;

  function here(channel: string): Client[] {
    const [kind, id = ""] = channel.split(/:(.*)/s);
    const there =
      kind === "conversation" ? [...(seating.rooms.get(id)?.seats ?? [])].map((seat) => seat.session) : (seating.users.get(id) ?? []);
    return there.flatMap(({ connection }): Client[] => (connection === null ? [] : [[connection.client, connection.user]]));
  }

  async function ask(channel: string, nodes: readonly string[]): Promise<Client[]> {
    const question = ++asked;
    const { promise, resolve } = Promise.withResolvers<void>();
    const answers = { found: [], missing: nodes.length, done: resolve };
    open.set(question, answers);
    const late = setTimeout(resolve, PATIENCE);
    for (const one of nodes) bus.tell(one, { word: "whoIsOn", from: node, question, channel });
    await promise;
    clearTimeout(late);
    open.delete(question);
    return answers.found;
  }

  return {
    async of(channel: string): Promise<Record<string, { user: string; client: string }>> {
      const others = [...bus.nodes()].filter((one) => one !== node);
      const elsewhere = others.length === 0 ? [] : await ask(channel, others);
      return Object.fromEntries([...here(channel), ...elsewhere].map(([client, user]) => [client, { user, client }]));
    },
    hear(word: Extract<NodeWord, { word: "whoIsOn" | "areOn" }>): void {
      if (word.word === "whoIsOn") {
        bus.tell(word.from, { word: "areOn", question: word.question, there: here(word.channel) });
        return;
      }
      const answers = open.get(word.question);
      if (answers === undefined) return;
      answers.found.push(...word.there);
      answers.missing -= 1;
      if (answers.missing === 0) answers.done();
    },
  };
}
