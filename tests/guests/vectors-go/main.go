// The guests of the vectors, in Go: what they do stands in sdk-guest/vectors/README.md. Build tags say which one it is.
package main

import (
	"fmt"
	"strconv"

	"tidegate.dev/tidegate"
)

var everything = tidegate.Needs(tidegate.Attributes, tidegate.Extensions, tidegate.Data, tidegate.Context)

// hash is FNV-1a over everything an event shows.
func hash(e tidegate.Event) string {
	h := fnv(0xcbf29ce484222325)
	for _, value := range []string{e.ID(), e.Source(), e.Type(), e.Subject(), e.Time(), e.DataContentType(), e.DataSchema()} {
		h.ended(value)
	}
	for name, value := range e.Extensions() {
		h.ended(name)
		h.text(string(rune(value.Kind())))
		h.ended(value.String())
		if number, ok := value.Integer(); ok {
			h.text("i" + strconv.Itoa(int(number)))
		}
		if truth, ok := value.Boolean(); ok && truth {
			h.text("t")
		} else if ok {
			h.text("f")
		}
	}
	region, ok := e.ExtensionString("region")
	if !ok {
		region = "-"
	}
	h.ended(region)
	if e.HasData() {
		h.text(strconv.Itoa(int(e.Form())))
		for _, b := range e.Data() {
			h.byte(b)
		}
		h.byte(0)
	} else {
		h.ended("-")
	}
	for name, value := range e.Contexts() {
		h.ended(name)
		h.ended(value)
	}
	h.text(strconv.FormatUint(e.NowMs(), 10))
	return fmt.Sprintf("%016x", uint64(h))
}

type fnv uint64

func (h *fnv) byte(b byte) { *h = (*h ^ fnv(b)) * 0x100000001b3 }

func (h *fnv) text(text string) {
	for i := range len(text) {
		h.byte(text[i])
	}
}

func (h *fnv) ended(text string) {
	h.text(text)
	h.byte(0)
}

func main() {}
