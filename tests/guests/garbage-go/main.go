// A filter that gives the collector much to do: most of what it makes is garbage at once, some of it lives for a while, and what
// lives is looked at again.
package main

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"

	"tidegate.dev/tidegate"
)

func init() { tidegate.Filter(garbage) }

// What an event was, copied: it is asked for again later.
type memory struct {
	id   string
	data []byte
	next *memory
}

const kept = 512

var (
	remembered  [kept]*memory
	garbageOnly []byte
	count       int
)

func garbage(e tidegate.Event) tidegate.Verdict {
	if e.Type() == "report" {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return tidegate.Drop(fmt.Sprintf("%d collections", stats.NumGC))
	}
	place := &remembered[count%kept]
	count++
	if old := *place; old != nil {
		if !strings.HasPrefix(string(old.data), old.id) || old.next != nil && old.next.id == "" {
			return tidegate.Reject("what was remembered is not what it was")
		}
	}
	garbageOnly = make([]byte, 16<<10)
	words := map[string]int{}
	for i := range 8 {
		words[fmt.Sprintf("%s-%d", e.ID(), i)] = i
	}
	if len(words) != 8 {
		return tidegate.Reject("a map lost something")
	}
	data := append([]byte(e.ID()), e.Data()[:min(len(e.Data()), 256)]...)
	*place = &memory{id: strings.Clone(e.ID()), data: bytes.Clone(data), next: remembered[(count*7)%kept]}
	if (*place).next != nil {
		// Chains would keep everything.
		(*place).next = &memory{id: (*place).next.id}
	}
	return tidegate.Keep()
}

func main() {}
