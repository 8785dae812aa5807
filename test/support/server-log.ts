/** A line of the server's log as far as tests read it. */
interface LogLine {
  level?: number;
  msg?: string;
}

const ERROR = 50;

/** Lines of a server's log at error level or above; what is no JSON line (the welcome, a crash of Node) counts if it looks like a crash. */
export function errorsIn(log: string): string[] {
  return log.split("\n").filter((line) => {
    if (!line.startsWith("{")) return /\b(Uncaught|Unhandled|    at )/.test(line);
    return ((JSON.parse(line) as LogLine).level ?? 0) >= ERROR;
  });
}
