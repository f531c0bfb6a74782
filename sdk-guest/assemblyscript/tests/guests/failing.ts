import { Event, Verdict } from "tidegate-guest";

export function filter(event: Event): Verdict {
  const way = event.type;
  if (way == "throw") throw new Error("no order is like this: " + event.id);
  if (way == "assert") assert(event.id == "", "häßlich 😀");
  if (way == "long") throw new Error("häßliches\n".repeat(1000));
  if (way == "index") return [Verdict.keep][event.id.length];
  if (way == "null") return (event.subject!).length == 0 ? Verdict.keep : Verdict.drop();
  if (way == "memory") for (const all: string[] = []; ; ) all.push(event.id.repeat(100000));
  if (way == "deep") return deep(event, 1) == 0 ? Verdict.keep : Verdict.drop();
  if (way == "loop") for (let n: u64 = 1; n != 0; n |= 1) continue;
  return Verdict.keep;
}

function deep(event: Event, n: i32): i32 {
  return n == 0 ? 0 : deep(event, n + 1) + event.id.length;
}
