import { Entries, Event, Refused, Verdict, state } from "tidegate-guest";

/** Does what the type says; what comes of it goes out as a reason: this is a test. */
export function filter(event: Event): Verdict {
  const way = event.type;
  const key = event.id;
  const text = event.text;
  if (way == "get") return said(state.get(key));
  if (way == "bytes") return said(shown(state.getBytes(key)));
  if (way == "has") return said(state.has(key).toString());
  if (way == "all") return said(state.getAll(key.split(",")).map<string>((value) => shown(value) || "-").join());
  if (way == "set") return refused(state.set(key, text === null ? "" : text, event.nowMs % 2 == 0 ? 1000 : 0));
  if (way == "set-bytes") return refused(state.set(key, bytes(event)));
  if (way == "long") return refused(state.set("a", "v".repeat(65536) + key));
  if (way == "remove") {
    state.remove(key);
    return Verdict.keep;
  }
  if (way == "many") {
    const entries = new Entries();
    const keys = key.split(",");
    for (let n = 0; n < keys.length; n++) entries.set(keys[n], "x".repeat(1000) + n.toString());
    entries.remove(keys[0]);
    if (state.has(keys[1])) return Verdict.reject("not yet written");
    const first = entries.write();
    return first == Refused.No ? refused(entries.write()) : refused(first);
  }
  return Verdict.reject(way);
}

function bytes(event: Event): Uint8Array {
  const data = event.data;
  return data === null ? new Uint8Array(0) : data.bytes;
}

function shown(value: Uint8Array | null): string | null {
  return value === null ? null : `[${value.join(" ")}]`;
}

function said(text: string | null): Verdict {
  return Verdict.drop(text === null ? "null" : text);
}

function refused(refused: Refused): Verdict {
  return refused == Refused.No ? Verdict.keep : Verdict.reject(refused == Refused.Full ? "full" : "too large");
}
