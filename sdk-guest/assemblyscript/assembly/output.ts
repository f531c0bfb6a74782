/** What a transform answers about one event. */

import { Draft } from "./draft";
import { Verdict } from "./verdict";

/**
 * Zero, one or many events out for one in.
 *
 * A transform may also return a `Draft`, a `Draft | null` (null drops the event) or a `Draft[]`.
 */
@final
export class Output {
  /** Made by `Output.of`, `drop`, `reject` and `retry`. */
  constructor(
    readonly verdict: Verdict,
    readonly drafts: Draft[] | null,
  ) {}

  /** These events, in this order; dropped without a reason if there are none. */
  static of(drafts: Draft[]): Output {
    return drafts.length == 0 ? Output.drop() : new Output(Verdict.keep, drafts);
  }

  /** Nothing out, as intended: counted by reason, acknowledged, never dead-lettered. `""` is no reason. */
  static drop(reason: string = ""): Output {
    return none(Verdict.drop(reason));
  }

  /** The event is wrong: it goes where the policy's `onReject` says. */
  static reject(reason: string = ""): Output {
    return none(Verdict.reject(reason));
  }

  /** Asks for the event again later. Holds its lane from here on. */
  static retry(reason: string = ""): Output {
    return none(Verdict.retry(reason));
  }
}

/** Made once for each verdict. */
function none(verdict: Verdict): Output {
  let output = verdict.output;
  if (output === null) {
    output = new Output(verdict, null);
    verdict.output = output;
  }
  return output;
}
