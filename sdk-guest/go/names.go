package tidegate

import (
	"errors"
	"slices"
	"strings"
)

const (
	// Distinct names in one batch that the contract allows.
	namesMax = 64
	// Levels of one name that the contract allows.
	levelsMax = 16
)

// Names collects the names of one event: routes map them to sinks and topics.
//
// A name is 1 to 16 levels of [A-Za-z0-9._-]+ joined by `/`. An event given anything else is rejected, with a reason that says
// so. A batch has at most 64 distinct names: name places, not events.
type Names struct {
	// Of the whole batch.
	all []string
	// Positions in all, of the event at hand.
	event []uint32
	// What is wrong with a name of the event at hand.
	problem string
	tooMany bool
	joined  []byte
}

// Add adds a name; twice is once.
func (n *Names) Add(name string) {
	position := slices.Index(n.all, name)
	if position < 0 {
		position = n.register(name)
	}
	if position >= 0 && !slices.Contains(n.event, uint32(position)) {
		n.event = append(n.event, uint32(position))
	}
}

// Join adds the name with these levels: Join("orders", "eu") is Add("orders/eu"), without an allocation.
func (n *Names) Join(levels ...string) {
	n.joined = n.joined[:0]
	for i, level := range levels {
		if i > 0 {
			n.joined = append(n.joined, '/')
		}
		n.joined = append(n.joined, level...)
	}
	n.Add(view(n.joined))
}

// register adds a name that the batch does not have yet; negative if it cannot be one.
func (n *Names) register(name string) int {
	if problem := checkName(name); problem != "" {
		if n.problem == "" {
			n.problem = "`" + name + "` cannot be a name: " + problem
		}
		return -1
	}
	if len(n.all) == namesMax {
		n.tooMany = true
		return -1
	}
	n.all = append(n.all, strings.Clone(name))
	return len(n.all) - 1
}

func (n *Names) begin() {
	clear(n.all)
	n.all, n.event, n.problem, n.tooMany = n.all[:0], n.event[:0], "", false
}

func (n *Names) checkCount() error {
	if n.tooMany {
		return errors.New("more than 64 distinct names in one batch")
	}
	return nil
}

func checkName(name string) string {
	if strings.Count(name, "/") >= levelsMax {
		return "more than 16 levels"
	}
	problem := ""
	for level := range strings.SplitSeq(name, "/") {
		if level == "" {
			return "an empty level"
		}
		if strings.ContainsFunc(level, func(c rune) bool { return !isPlain(c) }) {
			problem = "levels consist of A-Z a-z 0-9 . _ -"
		}
	}
	return problem
}

func isPlain(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		return true
	}
	return false
}

// assigned is what goes back of a matcher.
type assigned struct {
	names Names
	// A row and a position in names, flat.
	pairs []uint32
}

func (a *assigned) begin() {
	a.names.begin()
	a.pairs = a.pairs[:0]
}

// finish ends an event: what becomes of it.
func (a *assigned) finish(row uint32, v Verdict) Verdict {
	n := &a.names
	positions, problem := n.event, n.problem
	n.event, n.problem = n.event[:0], ""
	if v.code != codeKeep {
		return v
	}
	if problem != "" {
		return Reject(problem)
	}
	slices.Sort(positions)
	for _, position := range positions {
		a.pairs = append(a.pairs, row, position)
	}
	return v
}
