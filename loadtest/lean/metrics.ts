/** Sums of the server's metrics by name, over all labels, and by name with labels. */
export async function readMetrics(http: string): Promise<Map<string, number>> {
  const metrics = new Map<string, number>();
  const text = await (await fetch(`${http}/metrics`)).text();
  for (const line of text.split("\n")) {
    const found = /^(tributary_\w+|process_\w+)(\{[^}]*\})? (\S+)/.exec(line);
    if (found === null) continue;
    const [, name = "", labels = "", value = "0"] = found;
    if (labels !== "") metrics.set(name + labels, Number(value));
    metrics.set(name, (metrics.get(name) ?? 0) + Number(value));
  }
  return metrics;
}
