package main

import (
	"testing"

	"tidegate.dev/tidegate/tidegatetest"
)

const config = `{"fields":["card","customer.email","items.note"]}`

func TestOnlyWhatIsNamedChanges(t *testing.T) {
	for data, want := range map[string]string{
		`{ "card" : 41, "x": 1.50 }`:                         `{ "card" : "***", "x": 1.50 }`,
		`{"customer":{"email":"a@b","card":1}}`:              `{"customer":{"email":"***","card":1}}`,
		`{"items":[{"note":"a"},{"n":1},{"note":{"b":[]}}]}`: `{"items":[{"note":"***"},{"n":1},{"note":"***"}]}`,
		`{"c\u0061rd":"escaped"}`:                            `{"c\u0061rd":"***"}`,
		`{"card":1,"card":2}`:                                `{"card":"***","card":"***"}`,
		`{"customer":"nobody","email":"a@b"}`:                `{"customer":"nobody","email":"a@b"}`,
		`[{"card":1},null,true,-1,2.5,"s"]`:                  `[{"card":"***"},null,true,-1,2.5,"s"]`,
	} {
		results := tidegatetest.RunTransform(t, config, tidegatetest.NewEvent().JSON(data))
		if got := string(results[0].Events[0].Event().Data()); got != want {
			t.Errorf("%s: %s", data, got)
		}
	}
}

func TestWhatCannotBeReadIsRejected(t *testing.T) {
	for _, data := range []string{"", "{", `{"card":1} {}`, "plain text"} {
		result := tidegatetest.RunTransform(t, config, tidegatetest.NewEvent().JSON(data))[0]
		if result.Verdict.String() != "reject: the data is not JSON" || len(result.Events) != 0 {
			t.Errorf("%q: %v, %v", data, result.Verdict, result.Events)
		}
	}
}

func TestNoDataNeedsNoRedaction(t *testing.T) {
	results := tidegatetest.RunTransform(t, config, tidegatetest.NewEvent())
	if e := results[0].Events[0].Event(); e.HasData() {
		t.Error(e.Data())
	}
}

func TestAnImpossiblePathIsRefused(t *testing.T) {
	err := tidegatetest.Configure(`{"fields":["a..b"]}`)
	if err == nil || err.Error() != "`a..b` is no path: names joined by dots" {
		t.Error(err)
	}
}

func TestTheSchemaIsThatOfTheConfiguration(t *testing.T) {
	tidegatetest.CheckSchema[Config](t, "schema.json", "redact-fields")
}

func TestTheSamplesComeOutAsExpected(t *testing.T) {
	results := tidegatetest.RunTransform(t, config, tidegatetest.Events(t, "events.jsonl")...)
	tidegatetest.CheckEvents(t, "expected.jsonl", tidegatetest.Out(results))
}
