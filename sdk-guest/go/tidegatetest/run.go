package tidegatetest

import (
	"fmt"
	"testing"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/internal/native"
)

// Transformed is what became of one event.
type Transformed struct {
	// Keep, if anything came out.
	Verdict tidegate.Verdict
	// What came out.
	Events []*Builder
}

// Named is where a matcher says that one event belongs.
type Named struct {
	Verdict tidegate.Verdict
	Names   []string
}

// Configure hands the module a configuration: the error is what whoever deploys the policy is told.
func Configure(config string) error { return native.Registered.Configure(config) }

// RunFilter is what the program's filter says to each event. The test fails if the configuration is refused, or if the module's
// needs fall short.
func RunFilter(t testing.TB, config string, events ...*Builder) []tidegate.Verdict {
	t.Helper()
	configure(t, config)
	bytes, index := assemble(events, native.Registered.Needs())
	outcomes, err := native.Registered.Evaluate(now(events), bytes, index)
	check(t, err)
	return verdicts(outcomes)
}

// RunTransform is what the program's transform makes of each event, as the host would have it.
func RunTransform(t testing.TB, config string, events ...*Builder) []Transformed {
	t.Helper()
	configure(t, config)
	bytes, index := assemble(events, native.Registered.Needs())
	outcomes, out, rows, err := native.Registered.Apply(now(events), bytes, index)
	check(t, err)
	results := make([]Transformed, len(events))
	for i, verdict := range verdicts(outcomes) {
		results[i].Verdict = verdict
	}
	for len(rows) >= rowWords {
		origin := rows[1]
		results[origin].Events = append(results[origin].Events, resolve(events[origin], out, rows[:rowWords]))
		rows = rows[rowWords:]
	}
	for origin, result := range results {
		if len(result.Events) < 2 {
			continue
		}
		// Several outputs that inherit the id get one each.
		for k, event := range result.Events {
			if string(event.fields[0]) == string(events[origin].fields[0]) {
				event.ID(fmt.Sprintf("%s.%d", events[origin].fields[0], k+1))
			}
		}
	}
	return results
}

// RunMatcher is what the program's matcher says to each event.
func RunMatcher(t testing.TB, config string, events ...*Builder) []Named {
	t.Helper()
	configure(t, config)
	bytes, index := assemble(events, native.Registered.Needs())
	outcomes, names, pairs, err := native.Registered.Assign(now(events), bytes, index)
	check(t, err)
	results := make([]Named, len(events))
	for i, verdict := range verdicts(outcomes) {
		results[i].Verdict = verdict
	}
	for ; len(pairs) >= 2; pairs = pairs[2:] {
		results[pairs[0]].Names = append(results[pairs[0]].Names, names[pairs[1]])
	}
	return results
}

// Counted is what a counter of this process stands at.
func Counted(name string) uint64 {
	for _, counter := range native.Counters {
		if counter.Name == name {
			return counter.Value
		}
	}
	return 0
}

// Lines collects what the module logs until the test ends: `info: a message`.
func Lines(t testing.TB) *[]string {
	lines, before := new([]string), native.Log
	native.Log = func(level uint32, message string) {
		names := [...]string{"trace", "debug", "info", "warn", "error"}
		*lines = append(*lines, names[level%5]+": "+message)
	}
	t.Cleanup(func() { native.Log = before })
	return lines
}

func configure(t testing.TB, config string) {
	t.Helper()
	if err := Configure(config); err != nil {
		t.Fatalf("the configuration is refused: %v", err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func now(events []*Builder) uint64 {
	if len(events) == 0 {
		return 0
	}
	return events[0].nowMs
}

func verdicts(outcomes native.Outcomes) []tidegate.Verdict {
	verdicts := make([]tidegate.Verdict, len(outcomes.Codes))
	for i, code := range outcomes.Codes {
		reason := ""
		if code>>8 > 0 {
			reason = outcomes.Reasons[code>>8-1]
		}
		switch code & 0xff {
		case 1:
			verdicts[i] = tidegate.Drop(reason)
		case 2:
			verdicts[i] = tidegate.Reject(reason)
		case 3:
			verdicts[i] = tidegate.Retry(reason)
		}
	}
	return verdicts
}

// resolve is an output row, with what it inherits.
func resolve(origin *Builder, bytes []byte, row []uint32) *Builder {
	event := origin.clone()
	for field := range fieldCount {
		start, length := row[wordSpans+2*field], row[wordSpans+2*field+1]
		own := append([]byte(nil), bytes[start:start+length]...)
		switch inherited := row[2]&(1<<field) != 0; {
		case field == fieldExtensions && row[2]&(1<<16) != 0:
			event.fields[field] = changed(origin.fields[field], own)
		case inherited:
		case field == fieldContext:
			event.fields[field] = changed(origin.fields[field], own)
		default:
			event.fields[field] = own
			if field == fieldData {
				event.flags = row[0] & 7
			}
		}
	}
	return event
}

// changed is a run of entries after changes to it.
func changed(run, changes []byte) []byte {
	var out []byte
	names := map[string]bool{}
	for _, change := range entries(changes) {
		names[change.name] = true
	}
	for _, kept := range entries(run) {
		if !names[kept.name] {
			out = appendEntry(out, kept.name, kept.kind, kept.value)
		}
	}
	for _, change := range entries(changes) {
		if change.kind != 0 {
			out = appendEntry(out, change.name, change.kind, change.value)
		}
	}
	return out
}
