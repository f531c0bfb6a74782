package tidegate

import (
	"strings"
	"testing"
)

// A batch of so many events in one row layout, every tenth without data.
func testBatch(events int) *batch {
	var bytes []byte
	var index []uint32
	for i := range events {
		var r row
		r[wordOrigin] = uint32(i)
		put := func(field int, value []byte) {
			r[wordSpans+2*field], r[wordSpans+2*field+1] = uint32(len(bytes)), uint32(len(value))
			bytes = append(bytes, value...)
		}
		put(fieldID, []byte{'a' + byte(i%26)})
		put(fieldSource, []byte("/shop"))
		put(fieldType, []byte("com.acme.order"))
		put(fieldExtensions, appendEntry(appendEntry(nil, "region", String("eu")), "n", Integer(7)))
		if i%10 != 0 {
			put(fieldData, []byte(`{"amount":12}`))
			r[wordFlags] = flagHasData | 2<<flagFormShift
		}
		index = append(index, r[:]...)
	}
	b := new(batch)
	b.set(5, rowWords, bytes, index)
	return b
}

func TestABatchCostsNoAllocation(t *testing.T) {
	b := testBatch(256)
	t.Run("filter", func(t *testing.T) {
		filter := func(e Event) Verdict {
			if region, ok := e.ExtensionString("region"); !ok || region != "eu" {
				return Reject("no region")
			}
			if !e.HasData() {
				return Drop("no data")
			}
			return Keep()
		}
		allocatesNothing(t, func() error { return evaluate(b, &answered, filter) })
		if len(answered.codes) != 256 || answered.codes[0] != 0x101 || answered.codes[1] != 0 {
			t.Error(answered.codes[:2], answered.reasons)
		}
	})
	t.Run("transform", func(t *testing.T) {
		transform := func(e Event) Output {
			if !e.HasData() {
				return e.Patch()
			}
			return e.Patch().SetExtension("tier", String("gold")).SetExtension("n", Integer(8)).SetKey(e.ID())
		}
		allocatesNothing(t, func() error { return apply(b, &answered, &written, transform) })
		if written.rows() != 256 {
			t.Error(written.rows())
		}
	})
	t.Run("matcher", func(t *testing.T) {
		matcher := func(e Event, names *Names) Verdict {
			region, _ := e.ExtensionString("region")
			names.Join("orders", region)
			names.Add("all")
			return Keep()
		}
		// Names of a batch are kept by it: two strings.
		allocations := testing.AllocsPerRun(50, func() { _ = assign(b, &answered, &named, matcher) })
		if allocations > 2 || len(named.pairs) != 4*256 {
			t.Error(allocations, len(named.pairs))
		}
	})
}

func allocatesNothing(t *testing.T, batch func() error) {
	t.Helper()
	var err error
	if allocations := testing.AllocsPerRun(50, func() { err = batch() }); allocations != 0 || err != nil {
		t.Error(allocations, "allocations", err)
	}
}

func TestReasonsStayWithinTheContract(t *testing.T) {
	var a answers
	a.begin(0)
	a.push(Drop(strings.Repeat("ü", 200)))
	a.push(Drop("a\xff"))
	for n := range 100 {
		a.push(Drop(strings.Repeat("r", n+1)))
	}
	if len(a.reasons) != reasonsMax || len(a.reasons[0]) != reasonBytesMax || a.reasons[63] != reasonsSpent {
		t.Error(len(a.reasons), len(a.reasons[0]), a.reasons[63])
	}
	if a.reasons[1] != "a?" {
		t.Errorf("%q", a.reasons[1])
	}
	for _, code := range a.codes {
		if code>>8 < 1 || code>>8 > 64 {
			t.Errorf("%#x", code)
		}
	}
}

func TestReadingWhatWasNotAskedForFailsTheBatch(t *testing.T) {
	b := testBatch(2)
	for i := range b.len() {
		e := b.event(i)
		e.row[wordFlags] = uint32(needData|needContext) << flagWithheldShift
		e.row[wordSpans+2*fieldData+1] = 0
	}
	err := evaluate(b, &answered, func(e Event) Verdict {
		e.Context("key")
		e.HasData()
		return Keep()
	})
	if err == nil || err.Error() != "reads data and context, which it did not ask for: list it in `Needs(…)`" {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	var a assigned
	a.begin()
	a.names.Add("fine")
	for _, name := range []string{"", "a//b", "/a", "eu west", "ä", strings.Repeat("x/", 16) + "x"} {
		a.names.Add("fine")
		a.names.Add(name)
		if v := a.finish(0, Keep()); v.code != codeReject || !strings.HasPrefix(v.reason, "`"+name+"` cannot be a name: ") {
			t.Error(name, v)
		}
	}
	if len(a.pairs) != 0 {
		t.Error(a.pairs)
	}
	a.names.Join("b", "c")
	a.names.Add("fine")
	a.names.Add("fine")
	if v := a.finish(3, Keep()); v != Keep() || len(a.pairs) != 4 || a.pairs[1] != 0 || a.pairs[3] != 1 || a.names.all[1] != "b/c" {
		t.Error(v, a.pairs, a.names.all)
	}
	for n := range 63 {
		a.names.Add(strings.Repeat("n", n+1))
	}
	if a.names.checkCount() == nil {
		t.Error("a 65th name fails the batch")
	}
}

func TestDraftsOfAnotherOrderAndNumber(t *testing.T) {
	b := testBatch(1)
	for name, c := range map[string]struct {
		transform func(e Event) Output
		ids       string
	}{
		"one":     {func(e Event) Output { return e.Patch().SetID("x") }, "x"},
		"kept":    {func(e Event) Output { e.Patch().SetID("not sent"); return Keep() }, ""},
		"two":     {func(e Event) Output { return Drafts{e.Patch().SetID("x"), e.Patch().SetID("y")} }, "xy"},
		"turned":  {func(e Event) Output { x, y := e.Patch().SetID("x"), e.Patch().SetID("y"); return Drafts{y, x} }, "yx"},
		"one of":  {func(e Event) Output { e.Patch().SetID("x"); return e.Copy().SetID("z") }, "z"},
		"none":    {func(e Event) Output { e.Patch(); return Drafts{} }, "-"},
		"nil":     {func(e Event) Output { return nil }, "-"},
		"dropped": {func(e Event) Output { e.Patch(); return Drop("x") }, "-"},
		"more rows": {func(e Event) Output {
			return Drafts{e.Derive("p", "/s", "t"), e.Patch().SetID("q"), e.Copy().SetID("r")}
		}, "pqr"},
	} {
		if err := apply(b, &answered, &written, c.transform); err != nil {
			t.Fatal(err)
		}
		ids := ""
		for row := range written.rows() {
			r := written.row(uint32(row))
			ids += string(written.bytes[r[wordSpans]:][:r[wordSpans+1]])
		}
		if written.rows() == 0 {
			ids = "-"
		}
		if ids != c.ids {
			t.Errorf("%s: %q", name, ids)
		}
	}
}
