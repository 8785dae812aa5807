/** A value that is at hand as JSON text, so that it need not be parsed to be written again. */
export class Json {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The JSON text of a method's result. */
export const jsonOf = (result: object): string => (result instanceof Json ? result.text : JSON.stringify(result));
