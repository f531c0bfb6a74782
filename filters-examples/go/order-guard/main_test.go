package main

import (
	"testing"

	"tidegate.dev/tidegate/tidegatetest"
)

func guard(t *testing.T, config, ty, data string) string {
	t.Helper()
	order := tidegatetest.NewEvent().Type(ty)
	if data != "" {
		order.JSON(data)
	}
	return tidegatetest.RunFilter(t, config, order)[0].String()
}

func TestAnOrderNeedsAnAmount(t *testing.T) {
	for data, want := range map[string]string{
		`{"amount":12.5}`:            "keep",
		`{"amount":0}`:               "drop: amount is not positive",
		`{"amount":1,"amount":2}`:    "reject: the data is no order",
		`{"amount":"1"}`:             "reject: the data is no order",
		`{"amount":1} and more`:      "reject: the data is no order",
		`{"Amount":1}`:               "reject: the data is no order",
		``:                           "reject: the event has no data",
		`{"items":[1],"amount":1e3}`: "keep",
	} {
		if got := guard(t, "null", "com.acme.order.placed", data); got != want {
			t.Errorf("%s: %s", data, got)
		}
	}
}

func TestTestsAreDroppedBeforeAnythingIsParsed(t *testing.T) {
	if got := guard(t, "{}", "com.acme.order.test", "no JSON"); got != "drop: test order" {
		t.Error(got)
	}
	if got := guard(t, `{"test_type":"trial"}`, "trial", "no JSON"); got != "drop: test order" {
		t.Error(got)
	}
}

func TestAMisspeltConfigurationIsRefused(t *testing.T) {
	err := tidegatetest.Configure(`{"test_typ":"trial"}`)
	if err == nil || err.Error() != "unknown field `test_typ`, expected `test_type`" {
		t.Error(err)
	}
}

func TestTheSchemaIsThatOfTheConfiguration(t *testing.T) {
	tidegatetest.CheckSchema[Config](t, "schema.json", "order-guard")
}

func TestTheSamplesComeOutAsExpected(t *testing.T) {
	events := tidegatetest.Events(t, "events.jsonl")
	verdicts := tidegatetest.RunFilter(t, "null", events...)
	tidegatetest.CheckEvents(t, "expected.jsonl", tidegatetest.Kept(events, verdicts))
}
