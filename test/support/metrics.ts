/** The value of a metric of a running server, summed over its labels, or over those that have one such as `outcome="done"`; 0 where it has none yet. */
export async function metric(http: string, name: string, label = ""): Promise<number> {
  const text = await (await fetch(`${http}/metrics`)).text();
  const values = text.split("\n").filter((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(label));
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
