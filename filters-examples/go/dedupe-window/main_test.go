package main

import (
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/tidegatetest"
)

func decide(t *testing.T, source, id string) string {
	t.Helper()
	order := tidegatetest.NewEvent().Source(source).ID(id)
	return tidegatetest.RunFilter(t, `{"window_seconds": 60}`, order)[0].String()
}

func TestAnEventGoesThroughOnceInAWindow(t *testing.T) {
	tidegatetest.Forget()
	for _, step := range []struct {
		passes     time.Duration
		source, id string
		verdict    string
	}{
		{0, "/shop/eu", "1", "keep"},
		{0, "/shop/eu", "1", "drop: seen before"},
		{0, "/shop/us", "1", "keep"},
		// Being seen again does not prolong it.
		{59 * time.Second, "/shop/eu", "1", "drop: seen before"},
		{time.Second, "/shop/eu", "1", "keep"},
	} {
		tidegatetest.TimePasses(step.passes)
		if got := decide(t, step.source, step.id); got != step.verdict {
			t.Errorf("%+v: %s", step, got)
		}
	}
}

func TestANameThatCannotBeRememberedIsRejected(t *testing.T) {
	tidegatetest.Forget()
	if got := decide(t, "/shop/eu", strings.Repeat("x", 600)); got != "reject: source and id are too long to remember" {
		t.Error(got)
	}
}

func TestTheSchemaIsThatOfTheConfiguration(t *testing.T) {
	tidegatetest.CheckSchema[Config](t, "schema.json", "dedupe-window")
}

func TestTheSamplesComeOutAsExpected(t *testing.T) {
	tidegatetest.Forget()
	events := tidegatetest.Events(t, "events.jsonl")
	verdicts := tidegatetest.RunFilter(t, "{}", events...)
	tidegatetest.CheckEvents(t, "expected.jsonl", tidegatetest.Kept(events, verdicts))
}
