package main

import (
	"testing"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/tidegatetest"
)

const config = `{"tiers":{"eu":"gold"}}`

func TestNothingButExtensionsIsAdded(t *testing.T) {
	order := tidegatetest.NewEvent().Source("/shop/eu").Extension("region", tidegate.String("eu")).JSON(`{"amount":1}`)
	out := tidegatetest.RunTransform(t, config, order)[0].Events[0].Event()
	for name, want := range map[string]string{"region": "eu", "tier": "gold"} {
		if got, _ := out.ExtensionString(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if string(out.Data()) != `{"amount":1}` || out.Source() != "/shop/eu" {
		t.Error(out.Source(), string(out.Data()))
	}
}

func TestATierThatIsKnownStays(t *testing.T) {
	order := tidegatetest.NewEvent().Source("/shop/eu").Extension("tier", tidegate.String("none"))
	out := tidegatetest.RunTransform(t, config, order)[0].Events[0].Event()
	if tier, _ := out.ExtensionString("tier"); tier != "none" {
		t.Error(tier)
	}
}

func TestTiersAreAsked(t *testing.T) {
	if err := tidegatetest.Configure("null"); err == nil || err.Error() != "missing field `tiers`" {
		t.Error(err)
	}
}

func TestTheSchemaIsThatOfTheConfiguration(t *testing.T) {
	tidegatetest.CheckSchema[Config](t, "schema.json", "enrich")
}

func TestTheSamplesComeOutAsExpected(t *testing.T) {
	results := tidegatetest.RunTransform(t, config, tidegatetest.Events(t, "events.jsonl")...)
	tidegatetest.CheckEvents(t, "expected.jsonl", tidegatetest.Out(results))
}
