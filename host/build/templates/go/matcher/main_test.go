// Tests without any Wasm: the function is a plain function.
package main

import (
	"slices"
	"testing"

	"tidegate.dev/tidegate/tidegatetest"
)

func names(t *testing.T, config, data string) []string {
	t.Helper()
	return tidegatetest.RunMatcher(t, config, tidegatetest.NewEvent().JSON(data))[0].Names
}

func TestAnOrderIsNamedByItsRegion(t *testing.T) {
	if got := names(t, `{}`, `{"region": "eu"}`); !slices.Equal(got, []string{"orders/eu"}) {
		t.Error(got)
	}
	if got := names(t, `{"root": "shop"}`, `{"region": "us"}`); !slices.Equal(got, []string{"shop/us"}) {
		t.Error(got)
	}
}

func TestAnOrderWithoutARegionGetsNoName(t *testing.T) {
	if got := names(t, `{}`, `{"amount": 7}`); len(got) != 0 {
		t.Error(got)
	}
}

func TestTheSchemaIsThatOfTheConfiguration(t *testing.T) {
	tidegatetest.CheckSchema[Config](t, "schema.json", "my-matcher")
}
