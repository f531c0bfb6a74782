package state_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/state"
	"tidegate.dev/tidegate/tidegatetest"
)

func TestWhatIsWrittenIsReadUntilItsTimeIsOver(t *testing.T) {
	tidegatetest.Forget()
	if value, ok := state.Get("a"); ok {
		t.Error(value)
	}
	set(t, "a", []byte("1"), state.Forever)
	set(t, "b", nil, time.Second)
	values := state.GetAll("a", "x", "b")
	if len(values) != 3 || string(values[0]) != "1" || values[1] != nil || values[2] == nil || len(values[2]) != 0 {
		t.Errorf("%q", values)
	}
	tidegatetest.TimePasses(999 * time.Millisecond)
	if !state.Has("b") {
		t.Error("too early")
	}
	tidegatetest.TimePasses(time.Millisecond)
	if !state.Has("a") || state.Has("b") {
		t.Error("a stays, b is over")
	}
	set(t, "a", nil, 1)
	tidegatetest.TimePasses(time.Millisecond)
	if state.Has("a") {
		t.Error("a nanosecond is a time, not for ever")
	}
	set(t, "a", []byte("2"), state.Forever)
	state.Delete("a")
	if state.Has("a") {
		t.Error("deleted")
	}
}

func TestWhatDoesNotFitIsRefusedHereAndEndsNoCall(t *testing.T) {
	tidegatetest.Forget()
	long := strings.Repeat("k", state.KeyMax+1)
	for name, err := range map[string]error{
		"a long key":   state.Set(long, nil, state.Forever),
		"no key":       state.Set("", nil, state.Forever),
		"a long value": state.Set("a", make([]byte, state.ValueMax+1), state.Forever),
	} {
		if !errors.Is(err, state.ErrTooLarge) {
			t.Error(name, err)
		}
	}
	for i, value := range state.GetAll(long, "", "a") {
		if value != nil {
			t.Error(i, value)
		}
	}
	state.Delete("")
	if state.Has("") || state.Has(long) {
		t.Error("what is no key has no value")
	}
}

func TestManyWritesGoTogether(t *testing.T) {
	tidegatetest.Forget()
	var entries state.Entries
	if err := errors.Join(entries.Set("a", []byte("1"), 0), entries.Set("b", []byte("2"), 0)); err != nil {
		t.Fatal(err)
	}
	entries.Delete("a")
	if state.Has("b") {
		t.Error("not yet written")
	}
	for range 2 {
		if err := entries.Write(); err != nil {
			t.Fatal(err)
		}
	}
	if b, _ := state.Get("b"); state.Has("a") || string(b) != "2" {
		t.Errorf("%q", b)
	}
}

func set(t *testing.T, key string, value []byte, ttl time.Duration) {
	t.Helper()
	if err := state.Set(key, value, ttl); err != nil {
		t.Fatal(key, err)
	}
}
