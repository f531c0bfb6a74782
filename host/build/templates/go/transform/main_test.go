// Tests without any Wasm: the function is a plain function.
package main

import (
	"testing"

	"tidegate.dev/tidegate/tidegatetest"
)

func region(t *testing.T, config, data string) string {
	t.Helper()
	out := tidegatetest.RunTransform(t, config, tidegatetest.NewEvent().JSON(data))[0]
	region, _ := out.Events[0].Event().ExtensionString("region")
	return region
}

func TestTheRegionOfTheDataBecomesAnAttribute(t *testing.T) {
	if got := region(t, `{}`, `{"region": "eu", "amount": 49.9}`); got != "eu" {
		t.Error(got)
	}
}

func TestAnOrderThatNamesNoneGetsTheFallback(t *testing.T) {
	if got := region(t, `{}`, `{"amount": 7}`); got != "none" {
		t.Error(got)
	}
	if got := region(t, `{"fallback": "web"}`, `not JSON`); got != "web" {
		t.Error(got)
	}
}

func TestTheSchemaIsThatOfTheConfiguration(t *testing.T) {
	tidegatetest.CheckSchema[Config](t, "schema.json", "my-transform")
}
