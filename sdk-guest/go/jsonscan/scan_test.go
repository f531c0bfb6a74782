package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

var texts = []string{
	`{}`, `[]`, `null`, `true`, `0`, `-0`, `1.5e-3`, `"a"`, ` { "a" : [ 1 , 2 ] } `, `{"a":{"b":[{},[],{"c":[[]]}]}}`,
	`"\u00e9\ud83d\ude00\n\/"`, `{"k":"a long string that takes more than eight bytes and has a \" in it"}`,
	`[1,2,3,"abcdefgh","abcdefg","abcdefghi\\"]`, `{"a":1,"a":2}`, `"ü` + strings.Repeat("é", 20) + `"`,
	strings.Repeat("[", 70) + strings.Repeat("]", 70), strings.Repeat(`{"a":[`, 65) + "1" + strings.Repeat("]}", 65),
	strings.Repeat(`[{"a":`, 64) + "[]" + strings.Repeat("}]", 64) + " ", strings.Repeat("[", 64) + "1,2" + strings.Repeat("]", 64),
	"", " ", "{", "[", `"`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[1 2]`, `{1:2}`, `tru`, `nul`, `truex`, `01`, `1.`, `.5`, `-`, `1e`, `+1`,
	`"\x"`, `"\u12"`, `"\u12g4"`, "\"a\nb\"", `{"a":1}}`, `[[]`, `]`, `{"a":1 "b":2}`, `NaN`, `1e5x`, `"abc` + "\x00" + `"`, `{"a":[}`, `[{]}`,
	strings.Repeat("[", 70) + strings.Repeat("]", 69), strings.Repeat("[", 65) + "}" + strings.Repeat("]", 64), `{,}`, `[,]`, "\ufeff{}", `"abcdefg`,
}

func TestTextsAreJSONIfEncodingJSONSaysSo(t *testing.T) {
	check := func(text string) {
		t.Helper()
		checkMember(t, []byte(text))
		checkMember(t, []byte(`{"member":`+text+`,"x":0}`))
		checkMember(t, []byte(`{"member":[0,`+text+`]}`))
		end := value([]byte(text), space([]byte(text), 0))
		if got, want := end >= 0 && space([]byte(text), end) == len(text), json.Valid([]byte(text)); got != want {
			t.Errorf("%q: %v, encoding/json says %v", text, got, want)
		}
	}
	for _, text := range texts {
		check(text)
		for cut := range len(text) {
			check(text[:cut])
			check(text[cut:])
			check(text[:cut] + "}" + text[cut:])
			check(text[:cut] + "\"" + text[cut:])
		}
	}
}

// The machine says of an object what encoding/json says.
func checkMember(t *testing.T, text []byte) {
	t.Helper()
	at := space(text, 0)
	if at >= len(text) || text[at] != '{' {
		return
	}
	_, err := Get(text, "no such member")
	if got, want := err == ErrMissing, json.Valid(text); got != want && !bytes.Contains(text, []byte(`\u`)) {
		t.Errorf("%q: %v, encoding/json says %v", text, err, want)
	}
}

func FuzzTextsAreJSONIfEncodingJSONSaysSo(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		end := value(text, space(text, 0))
		if got, want := end >= 0 && space(text, end) == len(text), json.Valid(text); got != want {
			t.Errorf("%q: %v, encoding/json says %v", text, got, want)
		}
		checkMember(t, text)
		checkMember(t, []byte(`{"member":`+string(text)+`}`))
	})
}

func TestMembers(t *testing.T) {
	for _, c := range []struct {
		text   string
		number float64
		err    error
	}{
		{`{"amount":12.5}`, 12.5, nil},
		{` { "x" : {"amount":1} , "amount" : -3e2 , "y":[] } `, -300, nil},
		{`{"\u0061mount":7}`, 7, nil},
		{`{}`, 0, ErrMissing},
		{`{"Amount":1}`, 0, ErrMissing},
		{`{"amount":1,"amount":1}`, 0, ErrTwice},
		{`{"amount":"1"}`, 0, ErrNumber},
		{`{"amount":null}`, 0, ErrNumber},
		{`{"amount":1e999}`, 0, ErrNumber},
		{`[1]`, 0, ErrObject},
		{`"amount"`, 0, ErrObject},
		{`{"amount":1`, 0, ErrSyntax},
		{`{"amount":1}x`, 0, ErrSyntax},
		{`{"\ud800":1,"amount":1}`, 0, ErrSyntax},
		{``, 0, ErrSyntax},
	} {
		number, err := Number([]byte(c.text), "amount")
		if number != c.number || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", c.text, number, err)
		}
	}
}

func TestTexts(t *testing.T) {
	for text, want := range map[string]string{
		`{"region":"eu"}`:                 "eu",
		`{"region":"\u00fc\ud83d\ude00"}`: "ü😀",
		`{"region":"a\"\\\/\b\f\n\r\t"}`:  "a\"\\/\b\f\n\r\t",
		`{"region":""}`:                   "",
	} {
		if got, err := Text([]byte(text), "region"); got != want || err != nil {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	if _, err := Text([]byte(`{"region":1}`), "region"); err != ErrText {
		t.Error(err)
	}
	if _, err := Text([]byte(`{"region":"\ud800"}`), "region"); err != ErrSyntax {
		t.Error(err)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	text := []byte(`{"items":[{"sku":"A-0001","price":12},{"sku":"A-0002","price":13}],"note":"nnnnnnnnnnnnnnnnnnn","amount":12.5}`)
	paths, _ := ParsePaths([]string{"items.sku", "note"})
	spans := make([]Span, 0, 8)
	allocations := testing.AllocsPerRun(100, func() {
		if amount, err := Number(text, "amount"); err != nil || math.IsNaN(amount) {
			t.Fatal(err)
		}
		spans, _ = paths.Find(text, spans[:0])
	})
	if allocations != 0 || len(spans) != 3 {
		t.Error(allocations, spans)
	}
}

func TestPathsAreFound(t *testing.T) {
	paths, err := ParsePaths([]string{"card", "customer.email", "items.note"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{ "card" : 41, "x": 1.50 }`:                                       "41",
		`{"customer":{"email":"a@b","card":1}}`:                            `"a@b"`,
		`{"items":[{"note":"a"},{"n":1},[{"note":{"b":[]}}]]}`:             `"a" {"b":[]}`,
		`{"c\u0061rd":"escaped"}`:                                          `"escaped"`,
		`{"card":1,"card":2}`:                                              "1 2",
		`{"customer":"nobody","email":"a@b"}`:                              "",
		`[{"card":1},null,true,-1,2.5,"s"]`:                                "1",
		strings.Repeat("[", 126) + `{"card":1}` + strings.Repeat("]", 126): "1",
	} {
		spans, err := paths.Find([]byte(text), nil)
		var found []string
		for _, span := range spans {
			found = append(found, text[span.Start:span.End])
		}
		if got := strings.Join(found, " "); got != want || err != nil {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "{", `{"card":1} {}`, "plain", `{"customer":1e999}`, `{"items":["\ud800"]}`, `{"card":}`} {
		if _, err := paths.Find([]byte(text), nil); err != ErrSyntax {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := paths.Find([]byte(strings.Repeat("[", 128)+strings.Repeat("]", 128)), nil); err != ErrDeep {
		t.Error(err)
	}
	if _, err := ParsePaths([]string{"a..b"}); err == nil || err.Error() != "`a..b` is no path: names joined by dots" {
		t.Error(err)
	}
}
