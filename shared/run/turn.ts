type Work = () => void;

let pressing: Work[] = [];
let patient: Work[] = [];
let scheduled = false;

/** Runs it once all input that is ready in this turn of the event loop has been handled. */
export function atTurnEnd(work: Work): void {
  pressing.push(work);
  schedule();
}

/** Runs it behind all that is to run at the end of a turn, however much later that came: a slice of long work, which nobody waits for. */
export function afterTurn(work: Work): void {
  patient.push(work);
  schedule();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(run);
}

/** What is asked for meanwhile has its place in the next turn. */
function run(): void {
  scheduled = false;
  const all = [...pressing, ...patient];
  pressing = [];
  patient = [];
  for (const work of all) apart(work);
}

/** What one of them throws is thrown, and keeps none of the others. */
function apart(work: Work): void {
  try {
    work();
  } catch (thrown) {
    setImmediate(() => {
      throw thrown;
    });
  }
}
