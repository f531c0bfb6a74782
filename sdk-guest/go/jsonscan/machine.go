package jsonscan

import (
	"math/bits"
	"unsafe"
)

// A finite state machine that checks JSON a byte at a time with one look into a table each, and stops where something has to be
// remembered: where an object or array begins or ends, and (in the outermost object) where a name begins.
//
// Go's code for Wasm pays for each branch and call what elsewhere ten cost. The plain scanner (scan.go) says what is right; a
// test holds this one to it.

// What a value stands in. Each has states of its own, so that what may follow a value needs no look at the nesting.
const (
	inOutermost = iota // the object whose members are asked for: names are stops
	inObject
	inArray
	containers
)

// States of a container.
const (
	atFirst    = iota // behind its opening bracket
	atName            // a name must come
	atColon           // behind a name
	atValue           // a value must come
	afterValue        // a comma or the end
	inName            // a name (but of the outermost object)
	inNameEscape
	inNameHex1
	inNameHex2
	inNameHex3
	inNameHex4
	inText // a string
	inEscape
	inHex1
	inHex2
	inHex3
	inHex4
	minus
	zero
	integer
	point
	fraction
	exponent
	exponentSign
	exponentDigits
	t1
	t2
	t3
	f1
	f2
	f3
	f4
	n1
	n2
	n3
	statesOfContainer
)

// Stops: everything from firstStop on.
const (
	firstStop = containers*statesOfContainer + iota
	wrong
	openObject
	openArray
	closed
	nameBegins
)

// next is what follows a state on a byte. Its size is a power of two, and places in it are masked: so there is nothing to check.
var next = machine()

func machine() (table [128][256]uint8) {
	for container := range containers {
		base := container * statesOfContainer
		on := func(state int, bytes string, to int) {
			for i := range len(bytes) {
				table[base+state][bytes[i]] = uint8(to)
			}
		}
		for state := range statesOfContainer {
			for b := range 256 {
				table[base+state][b] = wrong
			}
		}
		const blank, digit, digit19, hex = " \t\n\r", "0123456789", "123456789", "0123456789abcdefABCDEF"
		for _, state := range []int{atFirst, atName, atColon, atValue, afterValue} {
			on(state, blank, base+state)
		}
		end := "}"
		if container == inArray {
			end = "]"
		}
		on(atFirst, end, closed)
		on(afterValue, end, closed)
		starts := []int{atValue}
		if container == inArray {
			starts = append(starts, atFirst)
			on(afterValue, ",", base+atValue)
		} else {
			on(afterValue, ",", base+atName)
			on(atColon, ":", base+atValue)
			for _, state := range []int{atFirst, atName} {
				if container == inOutermost {
					on(state, `"`, nameBegins)
				} else {
					on(state, `"`, base+inName)
				}
			}
		}
		for _, state := range starts {
			on(state, `"`, base+inText)
			on(state, "{", openObject)
			on(state, "[", openArray)
			on(state, "-", base+minus)
			on(state, "0", base+zero)
			on(state, digit19, base+integer)
			on(state, "t", base+t1)
			on(state, "f", base+f1)
			on(state, "n", base+n1)
		}
		// Strings: names end before a colon, others before what follows a value.
		for _, s := range []struct{ in, escape, hex1, after int }{
			{inName, inNameEscape, inNameHex1, atColon},
			{inText, inEscape, inHex1, afterValue},
		} {
			for b := ' '; b < 256; b++ {
				table[base+s.in][b] = uint8(base + s.in)
			}
			on(s.in, `"`, base+s.after)
			on(s.in, `\`, base+s.escape)
			on(s.escape, `"\/bfnrt`, base+s.in)
			on(s.escape, "u", base+s.hex1)
			for n := range 3 {
				on(s.hex1+n, hex, base+s.hex1+n+1)
			}
			on(s.hex1+3, hex, base+s.in)
		}
		on(minus, "0", base+zero)
		on(minus, digit19, base+integer)
		on(integer, digit, base+integer)
		on(point, digit, base+fraction)
		on(fraction, digit, base+fraction)
		on(exponent, "+-", base+exponentSign)
		for _, state := range []int{exponent, exponentSign, exponentDigits} {
			on(state, digit, base+exponentDigits)
		}
		for _, state := range []int{zero, integer} {
			on(state, ".", base+point)
		}
		for _, state := range []int{zero, integer, fraction} {
			on(state, "eE", base+exponent)
		}
		// A number ends where something else begins.
		for _, state := range []int{zero, integer, fraction, exponentDigits} {
			on(state, blank, base+afterValue)
			on(state, ",", int(table[base+afterValue][',']))
			on(state, end, closed)
		}
		for _, w := range []struct {
			first int
			rest  string
		}{{t1, "rue"}, {f1, "alse"}, {n1, "ull"}} {
			for i := range len(w.rest) {
				to := w.first + i + 1
				if i == len(w.rest)-1 {
					to = afterValue
				}
				on(w.first+i, w.rest[i:i+1], base+to)
			}
		}
	}
	return table
}

// member finds a member of the object that begins before `at`: where its value stands, how often it is there, and where the
// object ends; negative if it is none.
func member(text []byte, at int, key string) (found []byte, count, end int) {
	state := uint8(inOutermost*statesOfContainer + atFirst)
	// One bit a level below the outermost: set in an object. Deeper ones are in deep.
	var levels uint64
	var deep []uint64
	depth := 0
	for {
		state, at = run(text, at, state)
		switch state {
		case nameBegins:
			is, valueAt := isKey(text, at, key)
			if valueAt < 0 {
				return nil, 0, -1
			}
			if state = inOutermost*statesOfContainer + atValue; is {
				start := space(text, valueAt)
				if valueAt = value(text, start); valueAt < 0 {
					return nil, 0, -1
				}
				found = text[start:valueAt]
				count++
				state = inOutermost*statesOfContainer + afterValue
			}
			at = valueAt
			continue
		case openObject, openArray:
			if depth > 0 && depth%64 == 0 {
				deep = append(deep, levels)
			}
			depth++
			levels <<= 1
			if state == openObject {
				levels |= 1
				state = inObject*statesOfContainer + atFirst
			} else {
				state = inArray*statesOfContainer + atFirst
			}
		case closed:
			if depth == 0 {
				return found, count, at + 1
			}
			depth--
			levels >>= 1
			if depth > 0 && depth%64 == 0 {
				levels, deep = deep[len(deep)-1], deep[:len(deep)-1]
			}
			switch {
			case depth == 0:
				state = inOutermost*statesOfContainer + afterValue
			case levels&1 != 0:
				state = inObject*statesOfContainer + afterValue
			default:
				state = inArray*statesOfContainer + afterValue
			}
		default:
			return nil, 0, -1
		}
		at++
	}
}

// run goes on to the next stop, and answers where it is. The end of the text is a stop too: a wrong one.
func run(text []byte, at int, state uint8) (uint8, int) {
	for at+8 <= len(text) {
		w := *(*uint64)(unsafe.Pointer(&text[at]))
		if state%statesOfContainer == inText {
			// The rest of a string, eight bytes at a time.
			q, s := w^quotes, w^slants
			special := ((q-ones)&^q | (s-ones)&^s | (w-blanks)&^w) & highs
			if special == 0 {
				at += 8
				continue
			}
			skip := bits.TrailingZeros64(special) >> 3
			at += skip
			if state, at = next[state&127][text[at]], at+1; state >= firstStop {
				return state, at - 1
			}
			continue
		}
		if state = next[state&127][uint8(w)]; state >= firstStop {
			return state, at
		}
		if state = next[state&127][uint8(w>>8)]; state >= firstStop {
			return state, at + 1
		}
		if state = next[state&127][uint8(w>>16)]; state >= firstStop {
			return state, at + 2
		}
		if state = next[state&127][uint8(w>>24)]; state >= firstStop {
			return state, at + 3
		}
		if state = next[state&127][uint8(w>>32)]; state >= firstStop {
			return state, at + 4
		}
		if state = next[state&127][uint8(w>>40)]; state >= firstStop {
			return state, at + 5
		}
		if state = next[state&127][uint8(w>>48)]; state >= firstStop {
			return state, at + 6
		}
		if state = next[state&127][uint8(w>>56)]; state >= firstStop {
			return state, at + 7
		}
		at += 8
	}
	for ; at < len(text); at++ {
		if state = next[state&127][text[at]]; state >= firstStop {
			return state, at
		}
	}
	return wrong, at
}
