package jsonscan

import (
	"strings"
	"testing"
)

func BenchmarkNumber(b *testing.B) {
	text := []byte(`{"order":1,"items":[` + strings.Repeat(`{"sku":"A-12","quantity":3,"price":169},`, 22) + `{}],"note":"` + strings.Repeat("n", 40) + `","amount":12.5}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Number(text, "amount"); err != nil {
			b.Fatal(err)
		}
	}
}
