// A filter that remembers much: what it reads is what it wrote, with the collector busy and the stack moving.
package main

import (
	"fmt"
	"runtime"
	"strconv"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/state"
)

func init() { tidegate.Filter(remembers, tidegate.Needs(tidegate.Attributes)) }

const (
	names = 40
	kept  = 64
)

// What was read, kept for longer than the call: it is looked at again later.
var (
	read  [kept]value
	count int
)

type value struct {
	name  string
	bytes []byte
}

func remembers(e tidegate.Event) tidegate.Verdict {
	if e.Type() == "report" {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return tidegate.Drop(fmt.Sprintf("%d collections", stats.NumGC))
	}
	n, err := strconv.Atoi(e.ID())
	if err != nil {
		return tidegate.Reject(err.Error())
	}
	name := "name-" + strconv.Itoa(n%names)
	if bytes, ok := getFrom(n*31%400, name); ok {
		read[count%kept] = value{name, bytes}
		count++
	} else if n >= names {
		return tidegate.Reject(name + " is forgotten")
	}
	all := state.GetAll(name, "never", "name-"+strconv.Itoa(n*7%names))
	if all[1] != nil {
		return tidegate.Reject("what was never written is there")
	}
	for _, v := range append(read[:], value{name, all[0]}) {
		if !v.isRight() {
			return tidegate.Reject("what was read is not what was written")
		}
	}
	if err := state.Set(name, made(name, n*7919%60_000), state.Forever); err != nil {
		return tidegate.Reject(err.Error())
	}
	return tidegate.Keep()
}

// getFrom reads with so many frames on the stack: it has to grow now and then, while the host answers too.
func getFrom(depth int, name string) ([]byte, bool) {
	if depth == 0 {
		return state.Get(name)
	}
	var frame [96]byte
	frame[depth%len(frame)] = byte(depth)
	bytes, ok := getFrom(depth-1, name)
	if frame[depth%len(frame)] != byte(depth) {
		panic("the stack is not what it was")
	}
	return bytes, ok
}

func made(name string, size int) []byte {
	bytes := make([]byte, size)
	for i := range bytes {
		bytes[i] = name[i%len(name)]
	}
	return bytes
}

func (v value) isRight() bool {
	for i, b := range v.bytes {
		if b != v.name[i%len(v.name)] {
			return false
		}
	}
	return true
}

func main() {}
