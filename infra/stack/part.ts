/** One process of a part, as it is started. */
export interface StackProcess {
  program: string;
  args: readonly string[];
  /** Beside the environment of the caller. */
  env: Readonly<Record<string, string>>;
}

/** Something that can be brought up for development beside the server: one process or several, in a directory of its own. */
export interface StackPart {
  /** Installs what is missing and says what to start. `settings` are those that the server needs to use it, the ones of before where it ran before. */
  prepare(
    dir: string,
    before: Readonly<Record<string, string>> | null,
    say: (words: string) => void,
  ): Promise<{ processes: StackProcess[]; settings: Record<string, string> }>;
  /** Rejects while it does not answer. */
  answers(settings: Readonly<Record<string, string>>): Promise<void>;
}
