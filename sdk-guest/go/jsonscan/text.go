package jsonscan

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

func hasEscape(quoted []byte) bool { return bytes.IndexByte(quoted, '\\') >= 0 }

// unquote is what a string, with its quotes, says. It lies in the text, unless something in it is escaped.
func unquote(quoted []byte) (string, error) {
	inside := quoted[1 : len(quoted)-1]
	if !hasEscape(inside) {
		return view(inside), nil
	}
	said := make([]byte, 0, len(inside))
	for at := 0; at < len(inside); at++ {
		if inside[at] != '\\' {
			said = append(said, inside[at])
			continue
		}
		at++
		switch c := inside[at]; c {
		case 'b':
			said = append(said, '\b')
		case 'f':
			said = append(said, '\f')
		case 'n':
			said = append(said, '\n')
		case 'r':
			said = append(said, '\r')
		case 't':
			said = append(said, '\t')
		case 'u':
			r, _ := hex4(inside, at+1)
			at += 4
			if utf16.IsSurrogate(r) {
				var low rune
				if at+2 < len(inside) && inside[at+1] == '\\' && inside[at+2] == 'u' {
					low, _ = hex4(inside, at+3)
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					return "", ErrSyntax
				}
				at += 6
			}
			said = utf8.AppendRune(said, r)
		default:
			said = append(said, c)
		}
	}
	return view(said), nil
}

func hex4(text []byte, at int) (rune, bool) {
	if at+4 > len(text) {
		return 0, false
	}
	var r rune
	for _, c := range text[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
