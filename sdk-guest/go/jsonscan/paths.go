package jsonscan

import (
	"errors"
	"strconv"
	"strings"
)

// Levels of nesting that are gone into on the way to a path.
const depthMax = 127

// Paths are the members to find, as a tree: names joined by dots, which go through arrays.
type Paths struct{ children []child }

type child struct {
	name  string
	under Paths
}

// Span is where in a text something stands.
type Span struct{ Start, End int }

// ParsePaths reads paths such as `customer.email`. Inside a member that is wanted as a whole nothing more is wanted.
func ParsePaths(paths []string) (Paths, error) {
	var root Paths
	for _, path := range paths {
		names := strings.Split(path, ".")
		for _, name := range names {
			if name == "" {
				return Paths{}, errors.New("`" + path + "` is no path: names joined by dots")
			}
		}
		root.add(names)
	}
	return root, nil
}

func (p *Paths) add(names []string) {
	for i := range p.children {
		known := &p.children[i]
		switch {
		case known.name != names[0]:
			continue
		case len(names) == 1:
			known.under.children = nil
		case len(known.under.children) > 0:
			known.under.add(names[1:])
		}
		return
	}
	next := child{name: names[0]}
	if len(names) > 1 {
		next.under.add(names[1:])
	}
	p.children = append(p.children, next)
}

// Find appends where the values of all members stand, in order. Where a member stands more than once, all of them do.
func (p *Paths) Find(text []byte, found []Span) ([]Span, error) {
	f := finder{text: text, found: found}
	end := f.node(p, space(text, 0), 0)
	switch {
	case f.tooDeep:
		return found, ErrDeep
	case end < 0 || space(text, end) != len(text):
		return found, ErrSyntax
	}
	return f.found, nil
}

type finder struct {
	text    []byte
	found   []Span
	tooDeep bool
}

// node steps over a value under which members are wanted, and answers where it ends; negative if there is none.
func (f *finder) node(wanted *Paths, at, depth int) int {
	text := f.text
	if at >= len(text) {
		return -1
	}
	first := text[at]
	if first != '{' && first != '[' {
		return f.scalar(at)
	}
	if depth == depthMax {
		f.tooDeep = true
		return -1
	}
	at = space(text, at+1)
	if at < len(text) && text[at] == first+2 {
		return at + 1
	}
	for {
		if first == '{' {
			at = f.member(wanted, at, depth)
		} else {
			at = f.node(wanted, at, depth+1)
		}
		if at < 0 {
			return -1
		}
		at = space(text, at)
		if at >= len(text) {
			return -1
		}
		c := text[at]
		if c == first+2 {
			return at + 1
		}
		if c != ',' {
			return -1
		}
		at = space(text, at+1)
	}
}

func (f *finder) member(wanted *Paths, at, depth int) int {
	quoted, next := name(f.text, at)
	if next < 0 {
		return -1
	}
	key, err := unquote(quoted)
	if err != nil {
		return -1
	}
	start := space(f.text, next)
	for i := range wanted.children {
		child := &wanted.children[i]
		if child.name != key {
			continue
		}
		if len(child.under.children) > 0 {
			return f.node(&child.under, start, depth+1)
		}
		end := value(f.text, start)
		if end > 0 {
			f.found = append(f.found, Span{start, end})
		}
		return end
	}
	return value(f.text, start)
}

// scalar steps over a value that has no members. It stands where one with members was wanted, so it is looked at more closely.
func (f *finder) scalar(at int) int {
	end := value(f.text, at)
	if end < 0 {
		return -1
	}
	switch c := f.text[at]; {
	case c == '"':
		if _, err := unquote(f.text[at:end]); err != nil {
			return -1
		}
	case c == '-' || c >= '0' && c <= '9':
		if _, err := strconv.ParseFloat(view(f.text[at:end]), 64); err != nil {
			return -1
		}
	}
	return end
}
