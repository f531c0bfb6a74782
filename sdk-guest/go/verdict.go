package tidegate

import (
	"strings"
	"unicode/utf8"
)

// Verdict is what becomes of an event. The zero value keeps it.
type Verdict struct {
	code   uint32
	reason string
}

const (
	codeKeep = iota
	codeDrop
	codeReject
	codeRetry
)

// Keep lets the event go on.
func Keep() Verdict { return Verdict{} }

// Drop ends it, as intended: counted by reason, acknowledged, never dead-lettered. Reasons are counted: use few different ones,
// of at most 256 bytes. "" is none.
func Drop(reason string) Verdict { return Verdict{codeDrop, reason} }

// Reject says that it is wrong: it goes where the policy's onReject says, by default to the dead letters.
func Reject(reason string) Verdict { return Verdict{codeReject, reason} }

// Retry says that it cannot be decided now: the lane waits and tries again.
func Retry(reason string) Verdict { return Verdict{codeRetry, reason} }

// Reason is the reason given; "" if there is none.
func (v Verdict) Reason() string { return v.reason }

// String is the verdict for people: `drop: not an order`.
func (v Verdict) String() string {
	name := [...]string{"keep", "drop", "reject", "retry"}[v.code&3]
	if v.reason == "" {
		return name
	}
	return name + ": " + v.reason
}

const (
	// Distinct reasons in one batch that the contract allows.
	reasonsMax = 64
	// Bytes of one reason that the contract allows.
	reasonBytesMax = 256
	// Stands for every reason past the ones that fit.
	reasonsSpent = "(too many distinct reasons in one batch)"
)

// answers collects the codes of one batch.
type answers struct {
	codes   []uint32
	reasons []string
}

func (a *answers) begin(events int) {
	if cap(a.codes) < events {
		a.codes = make([]uint32, 0, events)
	}
	a.codes = a.codes[:0]
	clear(a.reasons)
	a.reasons = a.reasons[:0]
}

func (a *answers) push(v Verdict) {
	if v.reason == "" {
		a.codes = append(a.codes, v.code)
		return
	}
	a.codes = append(a.codes, v.code|a.reason(v.reason)<<8)
}

// reason is 1 + the position of a reason.
func (a *answers) reason(reason string) uint32 {
	if len(reason) > reasonBytesMax {
		reason = cut(reason, reasonBytesMax)
	}
	for position, known := range a.reasons {
		if known == reason {
			return uint32(position) + 1
		}
	}
	switch {
	case len(a.reasons) == reasonsMax:
		return reasonsMax
	case len(a.reasons) == reasonsMax-1:
		reason = reasonsSpent
	case !utf8.ValidString(reason):
		return a.reason(strings.ToValidUTF8(reason, "?"))
	}
	a.reasons = append(a.reasons, reason)
	return uint32(len(a.reasons))
}

// cut is at most so many bytes, cut between characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
