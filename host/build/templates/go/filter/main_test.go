// Tests without any Wasm: the function is a plain function.
package main

import (
	"testing"

	"tidegate.dev/tidegate/tidegatetest"
)

func verdict(t *testing.T, config, ty, data string) string {
	t.Helper()
	order := tidegatetest.NewEvent().Type(ty).JSON(data)
	return tidegatetest.RunFilter(t, config, order)[0].String()
}

func TestOrdersOfLessThanTheMinimumAreDropped(t *testing.T) {
	if got := verdict(t, `{}`, "com.acme.order.placed", `{"amount": 1}`); got != "keep" {
		t.Error(got)
	}
	if got := verdict(t, `{"minimum": 10}`, "com.acme.order.placed", `{"amount": 9.99}`); got != "drop: below the minimum" {
		t.Error(got)
	}
}

func TestTestOrdersAreDroppedBeforeAnythingIsParsed(t *testing.T) {
	if got := verdict(t, `{}`, "com.acme.order.test", "not JSON"); got != "drop: test order" {
		t.Error(got)
	}
}

func TestAnOrderWithoutAnAmountIsRejected(t *testing.T) {
	if got := verdict(t, `{}`, "com.acme.order.placed", `{"region": "eu"}`); got != "reject: the data is no order" {
		t.Error(got)
	}
}

func TestTheSchemaIsThatOfTheConfiguration(t *testing.T) {
	tidegatetest.CheckSchema[Config](t, "schema.json", "my-filter")
}
