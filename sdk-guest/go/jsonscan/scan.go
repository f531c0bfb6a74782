// Package jsonscan finds members of a JSON text without building a tree and without allocating: what is not asked for is only
// checked and stepped over.
//
// encoding/json reads everything into values, by reflection; inside Wasm that costs twenty times as much. It stays the right
// thing for a text that is needed as a whole.
//
// The whole text is checked against RFC 8259. Strings that are stepped over are taken as UTF-8, which the host has checked
// for data of form JSON.
package jsonscan

import (
	"errors"
	"math/bits"
	"strconv"
	"unsafe"
)

var (
	// ErrSyntax says that the text is not JSON.
	ErrSyntax = errors.New("the text is not JSON")
	// ErrObject says that it is JSON, but no object.
	ErrObject = errors.New("the text is no JSON object")
	// ErrMissing says that the object has no such member.
	ErrMissing = errors.New("there is no such member")
	// ErrTwice says that it has several of that name.
	ErrTwice = errors.New("there are several such members")
	// ErrNumber says that the member is no number, or a larger one than float64 holds.
	ErrNumber = errors.New("the member is no number")
	// ErrText says that the member is no string.
	ErrText = errors.New("the member is no string")
	// ErrDeep says that the text is nested more deeply than anything a person meant.
	ErrDeep = errors.New("the text is nested too deeply")
)

// Get is the text of a member of an object.
func Get(text []byte, key string) ([]byte, error) {
	at := space(text, 0)
	if at >= len(text) {
		return nil, ErrSyntax
	}
	if text[at] != '{' {
		if end := value(text, at); end < 0 || space(text, end) != len(text) {
			return nil, ErrSyntax
		}
		return nil, ErrObject
	}
	found, count, end := member(text, at+1, key)
	switch {
	case end < 0 || space(text, end) != len(text):
		return nil, ErrSyntax
	case count == 0:
		return nil, ErrMissing
	case count > 1:
		return nil, ErrTwice
	}
	return found, nil
}

// Number is a member that is a number.
func Number(text []byte, key string) (float64, error) {
	raw, err := Get(text, key)
	if err != nil {
		return 0, err
	}
	if c := raw[0]; c != '-' && (c < '0' || c > '9') {
		return 0, ErrNumber
	}
	number, err := strconv.ParseFloat(view(raw), 64)
	if err != nil {
		return 0, ErrNumber
	}
	return number, nil
}

// Text is a member that is a string. It lies in the text, unless something in it is escaped.
func Text(text []byte, key string) (string, error) {
	raw, err := Get(text, key)
	if err != nil {
		return "", err
	}
	if raw[0] != '"' {
		return "", ErrText
	}
	return unquote(raw)
}

// isKey reads a name and its colon: whether it is that name, and where the value begins; negative if there is no name.
func isKey(text []byte, at int, key string) (bool, int) {
	name, next := name(text, at)
	if next < 0 {
		return false, -1
	}
	if !hasEscape(name) {
		return view(name[1:len(name)-1]) == key, next
	}
	unquoted, err := unquote(name)
	if err != nil {
		return false, -1
	}
	return unquoted == key, next
}

// name reads a name, quotes and all, and its colon.
func name(text []byte, at int) ([]byte, int) {
	if at >= len(text) || text[at] != '"' {
		return nil, -1
	}
	end := str(text, at+1)
	if end < 0 {
		return nil, -1
	}
	colon := space(text, end)
	if colon >= len(text) || text[colon] != ':' {
		return nil, -1
	}
	return text[at:end], colon + 1
}

func space(text []byte, at int) int {
	for at < len(text) && text[at] <= ' ' {
		if c := text[at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			break
		}
		at++
	}
	return at
}

// value steps over a value that begins here, and answers where it ends; negative if there is none.
func value(text []byte, at int) int {
	// One bit a level: set in an object. Deeper ones are in deep.
	var levels uint64
	var deep []uint64
	depth := 0
	for {
		// A value begins.
		if at >= len(text) {
			return -1
		}
		c := text[at]
		switch {
		case c == '"':
			if at = str(text, at+1); at < 0 {
				return -1
			}
		case c == '{' || c == '[':
			if depth > 0 && depth%64 == 0 {
				deep = append(deep, levels)
			}
			depth++
			levels <<= 1
			at = space(text, at+1)
			if at >= len(text) {
				return -1
			}
			// `{` and `[` are two before their ends.
			if text[at] == c+2 {
				at++
				depth--
				levels >>= 1
				if depth > 0 && depth%64 == 0 {
					levels, deep = deep[len(deep)-1], deep[:len(deep)-1]
				}
				break
			}
			if c == '{' {
				levels |= 1
				_, next := name(text, at)
				if next < 0 {
					return -1
				}
				at = next
			}
			at = space(text, at)
			continue
		case c == '-' || c >= '0' && c <= '9':
			if at = number(text, at); at < 0 {
				return -1
			}
		default:
			if at = word(text, at); at < 0 {
				return -1
			}
		}
		// A value has ended, and with it perhaps those around it.
		for {
			if depth == 0 {
				return at
			}
			at = space(text, at)
			if at >= len(text) {
				return -1
			}
			c := text[at]
			at++
			if c == ',' {
				at = space(text, at)
				if levels&1 != 0 {
					_, next := name(text, at)
					if next < 0 {
						return -1
					}
					at = space(text, next)
				}
				break
			}
			end := byte(']')
			if levels&1 != 0 {
				end = '}'
			}
			if c != end {
				return -1
			}
			depth--
			levels >>= 1
			if depth > 0 && depth%64 == 0 {
				levels, deep = deep[len(deep)-1], deep[:len(deep)-1]
			}
		}
	}
}

const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	quotes = '"' * ones
	slants = '\\' * ones
	blanks = ' ' * ones
)

// str steps over the rest of a string, behind its first quote.
func str(text []byte, at int) int {
	for {
		// Eight at a time, up to a quote, a backslash or a control character.
		for at+8 <= len(text) {
			w := *(*uint64)(unsafe.Pointer(&text[at]))
			q, s := w^quotes, w^slants
			special := ((q-ones)&^q | (s-ones)&^s | (w-blanks)&^w) & highs
			if special != 0 {
				at += bits.TrailingZeros64(special) >> 3
				goto found
			}
			at += 8
		}
		for at < len(text) && text[at] != '"' && text[at] != '\\' && text[at] >= ' ' {
			at++
		}
	found:
		if at >= len(text) {
			return -1
		}
		switch text[at] {
		case '"':
			return at + 1
		case '\\':
			if at = escape(text, at+1); at < 0 {
				return -1
			}
		default:
			return -1
		}
	}
}

// escape steps over what follows a backslash.
func escape(text []byte, at int) int {
	if at >= len(text) {
		return -1
	}
	switch text[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 1
	case 'u':
		if _, ok := hex4(text, at+1); ok {
			return at + 5
		}
	}
	return -1
}

func number(text []byte, at int) int {
	if text[at] == '-' {
		at++
	}
	if at >= len(text) {
		return -1
	}
	if text[at] == '0' {
		at++
	} else if at = digits(text, at); at < 0 {
		return -1
	}
	if at < len(text) && text[at] == '.' {
		if at = digits(text, at+1); at < 0 {
			return -1
		}
	}
	if at < len(text) && text[at]|0x20 == 'e' {
		at++
		if at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		at = digits(text, at)
	}
	return at
}

// digits steps over one or more.
func digits(text []byte, at int) int {
	start := at
	for at < len(text) && text[at]-'0' <= 9 {
		at++
	}
	if at == start {
		return -1
	}
	return at
}

// word steps over true, false or null.
func word(text []byte, at int) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if end := at + len(word); end <= len(text) && view(text[at:end]) == word {
			return end
		}
	}
	return -1
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
